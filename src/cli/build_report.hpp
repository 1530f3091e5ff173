// What a build has made, for --iidfile and --metadata-file.
#pragma once

#include "base/json.hpp"
#include "builder/builder.hpp"

#include <string>
#include <vector>

namespace conductor::cli {

// The members that docker's builder writes: containerimage.config.digest, containerimage.digest, image.name.
base::Json build_metadata(const builder::BuildResult& result, const std::vector<std::string>& names);
// Writes a file for others to read, whole or not at all.
void write_result_file(const std::string& path, const std::string& content);

}  // namespace conductor::cli
