// The bytes and attributes of one file into another.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <string>

namespace conductor::builder {

using CopiedBytes = std::function<void(std::int64_t more)>;

// Up to the end of the source, holes left as holes; the target is empty. `path` names the file in an Error.
void copy_content(int source, int target, const struct stat& status, const std::string& path,
                  const CopiedBytes& copied = {});

// Extended attributes that a COPY takes along and that count as content.
bool is_copied_attribute(const std::string& name);
void copy_attributes(int source, int target, const std::string& path);
// 64 hex digits of names and values, in an order of their own; empty when there are none.
std::string attributes_hash(int file, const std::string& path);

}  // namespace conductor::builder
