// Every folder of tests/cases/parser/{conductorfile,syntax,compose} is a case: an input file, and the text that reading
// it gives — a dump of the values, or the message of the mistake. UPDATE_CASES=1 writes what comes out instead (then
// read the diff).
#include "parser/compose_file.hpp"
#include "parser/conductorfile.hpp"
#include "support/catch.hpp"
#include "unit/parser_dump.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

using namespace conductor;

namespace {

std::filesystem::path cases(const char* kind) {
  return std::filesystem::path(CONDUCTOR_SOURCE_DIR) / "tests/cases/parser" / kind;
}

std::vector<std::filesystem::path> folders(const std::filesystem::path& parent) {
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator(parent))
    if (entry.is_directory()) found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  return found;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// The one file of a case that is not the expected text.
std::filesystem::path input_of(const std::filesystem::path& folder) {
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().filename() != "expected.txt") return entry.path();
  return {};
}

void check(const std::filesystem::path& folder, const std::string& actual) {
  const auto expected = folder / "expected.txt";
  if (std::getenv("UPDATE_CASES") != nullptr) std::ofstream(expected, std::ios::binary) << actual;
  INFO(folder.filename().string());
  CHECK(read_file(expected) == actual);
}

// The variables that cases may use.
std::optional<std::string> variable(const std::string& name) {
  if (name == "TAG") return "1.2";
  if (name == "EMPTY") return "";
  if (name == "YES") return "true";
  return std::nullopt;
}

template <class Run>
std::string outcome(Run run) {
  try {
    return run();
  } catch (const base::Error& error) {
    return std::string(error.what()) + "\n";
  }
}

}  // namespace

TEST_CASE("Conductorfile cases") {
  const auto found = folders(cases("conductorfile"));
  REQUIRE(found.size() >= 20);
  for (const auto& folder : found) {
    const auto input = input_of(folder);
    const std::string text = read_file(input), name = input.filename();
    check(folder, outcome([&] { return test::dump(parser::parse_conductorfile(text, name)); }));
  }
}

TEST_CASE("syntax tree cases") {
  const auto found = folders(cases("syntax"));
  REQUIRE(found.size() >= 12);
  for (const auto& folder : found) {
    const auto input = input_of(folder);
    const std::string text = read_file(input), name = input.filename();
    check(folder, outcome([&] { return parser::dump_syntax(text, name); }));
  }
}

TEST_CASE("compose file cases") {
  const auto found = folders(cases("compose"));
  REQUIRE(found.size() >= 20);
  for (const auto& folder : found) {
    const auto input = input_of(folder);
    const std::string text = read_file(input), name = input.filename();
    check(folder, outcome([&] {
            std::vector<base::Diagnostic> warnings;
            auto shown = test::dump(parser::parse_compose_file(text, name, variable, &warnings));
            for (const auto& warning : warnings) shown += base::render(warning, text) + "\n";
            return shown;
          }));
  }
}
