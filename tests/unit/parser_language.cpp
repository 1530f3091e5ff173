// The cases of tests/cases/conductorfile that need no build: ast.txt is the syntax tree of the Conductorfile, error.txt
// the message of one that is refused; a case without error.txt is read without a mistake. UPDATE_CASES=1 writes what
// comes out instead (then read the diff).
#include "parser/conductorfile.hpp"
#include "support/cases.hpp"
#include "support/catch.hpp"

using namespace conductor;

namespace {

parser::Conductorfile read_case(const std::filesystem::path& folder) {
  parser::ParseOptions options;
  options.include = [&](const std::string& path, const std::string& including) {
    const auto name = std::filesystem::path(including).parent_path() / path;
    if (!std::filesystem::exists(folder / name)) throw base::Error("there is no file " + path);
    return parser::SourceText{name, test::read_file(folder / name)};
  };
  return parser::parse_conductorfile(test::read_file(folder / "Conductorfile"), "Conductorfile", options);
}

std::string message_of(const std::filesystem::path& folder) {
  try {
    read_case(folder);
  } catch (const base::Error& error) {
    return std::string(error.what()) + "\n";
  }
  return {};
}

}  // namespace

TEST_CASE("the language suite: syntax trees") {
  int count = 0;
  for (const auto& folder : test::cases_with("conductorfile", "ast.txt")) {
    INFO(folder.filename().string());
    std::string tree;
    CHECK_NOTHROW(tree = parser::dump_syntax(test::read_file(folder / "Conductorfile"), "Conductorfile"));
    test::check_text(folder / "ast.txt", tree);
    ++count;
  }
  CHECK(count >= 60);
}

TEST_CASE("the language suite: what is refused, and what is not") {
  int refused = 0, read = 0;
  for (const auto& folder : test::cases_with("conductorfile", "Conductorfile")) {
    INFO(folder.filename().string());
    const bool wrong = std::filesystem::exists(folder / "error.txt");
    if (wrong)
      test::check_text(folder / "error.txt", message_of(folder));
    else
      CHECK(message_of(folder) == "");
    ++(wrong ? refused : read);
  }
  CHECK(refused >= 50);
  CHECK(read >= 200);
}
