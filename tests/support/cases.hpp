// Folder-per-case suites: tests/cases/KIND/NAME holds the input and the expected texts.
#pragma once

#include "support/catch.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace test {

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// The folders of a kind that hold a file of that name, sorted.
inline std::vector<std::filesystem::path> cases_with(const std::string& kind, const std::string& file) {
  std::vector<std::filesystem::path> found;
  const auto parent = std::filesystem::path(CONDUCTOR_SOURCE_DIR) / "tests/cases" / kind;
  for (const auto& entry : std::filesystem::directory_iterator(parent))
    if (std::filesystem::exists(entry.path() / file)) found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  return found;
}

// The text a case expects; UPDATE_CASES=1 makes it what it is.
inline void check_text(const std::filesystem::path& expected, const std::string& actual) {
  if (std::getenv("UPDATE_CASES") != nullptr) std::ofstream(expected, std::ios::binary) << actual;
  CHECK(read_file(expected) == actual);
}

}  // namespace test
