// The cases of tests/cases/conductorfile about what is told without a build: {check,outline,targets}.{txt,json}. The
// context is the folder `context` of a case, else the case itself; arguments.txt holds --target and --build-arg.
#include "builder/builder.hpp"
#include "support/cases.hpp"
#include "support/catch.hpp"

#include <sstream>

using namespace conductor;

namespace {

builder::BuildOptions options_of(const std::filesystem::path& folder) {
  builder::BuildOptions options;
  const auto context = folder / "context";
  options.context = std::filesystem::exists(context) ? context.string() : folder.string();
  options.file = (folder / "Conductorfile").string();
  std::istringstream words(test::read_file(folder / "arguments.txt"));
  for (std::string word, value; std::getline(words, word) && std::getline(words, value);) {
    const auto equals = value.find('=');
    if (word == "--target")
      options.target = value;
    else if (word == "--build-arg")
      options.args[value.substr(0, equals)] = value.substr(equals + 1);
    else
      FAIL(word << " is no argument of such a case");
  }
  return options;
}

// The text as seen from the case's folder.
std::string without(std::string text, const std::string& folder) {
  for (auto at = text.find(folder); at != std::string::npos; at = text.find(folder)) text.erase(at, folder.size());
  return text;
}

// Calls tell(options, json) for every case that holds `name`.txt or `name`.json.
template <class Tell>
int check_all(const std::string& name, Tell tell) {
  int count = 0;
  for (const bool json : {false, true})
    for (const auto& folder : test::cases_with("conductorfile", name + (json ? ".json" : ".txt"))) {
      INFO(folder.filename().string());
      std::string text;
      CHECK_NOTHROW(text = tell(options_of(folder), json));
      test::check_text(folder / (name + (json ? ".json" : ".txt")), without(text, folder.string() + "/"));
      ++count;
    }
  return count;
}

}  // namespace

TEST_CASE("the language suite: build checks") {
  const int count = check_all("check", [](const builder::BuildOptions& options, bool json) {
    const auto report = builder::check(options, json);
    const bool clean = report.text.find("no warnings found") != std::string::npos ||
                       report.text.find("\"warnings\": []") != std::string::npos;
    CHECK(report.failed != clean);
    return report.text;
  });
  CHECK(count >= 25);
}

TEST_CASE("the language suite: outlines") {
  CHECK(check_all("outline", [](const auto& options, bool json) { return builder::outline(options, json); }) >= 6);
}

TEST_CASE("the language suite: targets") {
  CHECK(check_all("targets", [](const auto& options, bool json) { return builder::targets(options, json); }) >= 3);
}
