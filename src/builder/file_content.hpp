// The bytes and attributes of one file into another.
#pragma once

#include <sys/stat.h>

#include <string>

namespace conductor::builder {

// Up to the end of the source, holes left as holes; the target is empty. `path` names the file in an Error.
void copy_content(int source, int target, const struct stat& status, const std::string& path);
void copy_attributes(int source, int target, const std::string& path);

}  // namespace conductor::builder
