// INCLUDE, and triggers: texts that come from elsewhere than the file.
#include "parser/conductorfile.hpp"
#include "support/catch.hpp"

#include <map>
#include <string>
#include <vector>

using namespace conductor::parser;
using conductor::base::Error;

namespace {

using Files = std::map<std::string, std::string>;

// Reads "main"; what is included lies beside it.
Conductorfile read(const Files& files, bool strict = false) {
  ParseOptions options;
  options.strict = strict;
  options.include = [&](const std::string& path, const std::string&) -> SourceText {
    const auto found = files.find(path);
    if (found == files.end()) throw Error("no such file");
    return {found->first, found->second};
  };
  return parse_conductorfile(files.at("main"), "main", options);
}

std::string failure(const Files& files, bool strict = false) {
  try {
    read(files, strict);
  } catch (const Error& error) {
    return error.what();
  }
  return "none";
}

std::vector<std::string> keywords(const Conductorfile& file) {
  std::vector<std::string> found;
  for (const auto& instruction : file.instructions) found.push_back(instruction.keyword);
  return found;
}

std::string trigger_failure(const std::string& text) {
  try {
    parse_trigger(text, "base:1");
  } catch (const Error& error) {
    return error.what();
  }
  return "none";
}

}  // namespace

TEST_CASE("INCLUDE stands for the instructions of another file") {
  const auto parsed =
      read({{"main", "FROM a\nINCLUDE tools\nCMD x\n"}, {"tools", "RUN y\nINCLUDE more\n"}, {"more", "USER z"}});
  CHECK(keywords(parsed) == std::vector<std::string>{"FROM", "RUN", "USER", "CMD"});
  CHECK(parsed.instructions[1].position == conductor::base::Position{"tools", 1, 1});
  CHECK(parsed.instructions[2].position.file == "more");
  CHECK(parsed.texts.size() == 3);
  CHECK(parsed.texts.at("more") == "USER z");
}

TEST_CASE("an included file may begin the stages, and be included again") {
  CHECK(keywords(read({{"main", "INCLUDE base\nRUN x\nINCLUDE base\nRUN y\n"}, {"base", "FROM a\n"}})) ==
        std::vector<std::string>{"FROM", "RUN", "FROM", "RUN"});
  CHECK(keywords(read({{"main", "FROM a\nINCLUDE none\n"}, {"none", "# nothing\n"}})) ==
        std::vector<std::string>{"FROM"});
}

TEST_CASE("mistakes show the line of the file they are in") {
  const auto text = failure({{"main", "FROM a\nINCLUDE other\nRNU x\n"}, {"other", "\nENV  x\n"}});
  CHECK_THAT(text, Contains("other:2:6: error: ENV 'x' has no value\n    ENV  x\n"));
  CHECK_THAT(text, Contains("main:3:1: error: unknown instruction 'RNU'\n    RNU x\n"));
}

TEST_CASE("INCLUDE that cannot be done") {
  CHECK_THAT(failure({{"main", "FROM a\nINCLUDE main\n"}}), Contains("'main' includes itself"));
  CHECK_THAT(failure({{"main", "FROM a\nINCLUDE b\n"}, {"b", "INCLUDE main"}}),
             Contains("b:1:1: error: 'main' includes itself"));
  CHECK_THAT(failure({{"main", "FROM a\nINCLUDE gone\n"}}),
             Contains("main:2:1: error: cannot include 'gone': no such file"));
  CHECK_THAT(failure({{"main", "FROM a\nINCLUDE b\n"}, {"b", "RUN x"}}, true), Contains("refused with --strict"));
  CHECK_THAT(failure({{"main", "FROM a\nINCLUDE\n"}}), Contains("needs the path of a file"));
  CHECK_THAT(failure({{"main", "FROM a\nINCLUDE $x\n"}}), Contains("knows no variables"));
  CHECK_THAT(failure({{"main", "FROM a\nINCLUDE --x b\n"}, {"b", ""}}), Contains("INCLUDE takes no flags"));
  CHECK_THAT(failure({{"main", "FROM a\nONBUILD INCLUDE b\n"}}), Contains("INCLUDE cannot be a trigger"));
  CHECK_THAT(failure({{"main", "FROM a\nINCLUDE b\n"}, {"b", "# escape=`\nRUN x"}}), Contains("escape character"));
  CHECK_THROWS_AS(parse_conductorfile("FROM a\nINCLUDE b\n", "f"), Error);
}

TEST_CASE("files that include each other are bounded") {
  Files chain;
  for (int i = 0; i < 40; ++i) chain["f" + std::to_string(i)] = "INCLUDE f" + std::to_string(i + 1) + "\n";
  chain["main"] = "FROM a\nINCLUDE f0\n";
  CHECK_THAT(failure(chain), Contains("too deeply"));
  Files doubling;
  for (int i = 0; i < 14; ++i) {
    const std::string next = "INCLUDE f" + std::to_string(i + 1) + "\n";
    doubling["f" + std::to_string(i)] = next + next;
  }
  doubling["main"] = "FROM a\nINCLUDE f0\n";
  doubling["f14"] = "RUN x\n";
  CHECK_THAT(failure(doubling), Contains("more than 200 files"));
  std::string many = "FROM a\n";
  for (int i = 0; i < 20; ++i) many += "INCLUDE big\n";
  CHECK_THAT(failure({{"main", many}, {"big", std::string(1'000'000, '\n')}}), Contains("longer than 8 MiB"));
}

TEST_CASE("comments right above an instruction, and empty lines within one") {
  const auto parsed = parse_conductorfile(
      "# syntax=x\n# above\n#\n  #  two  \nFROM a\n# far\n\nRUN x \\\n# inner\n\n  y\n\n# z\nRun z\n", "f");
  CHECK(parsed.instructions[0].comments == std::vector<std::string>{"above", "", "two"});
  CHECK(parsed.instructions[1].comments.empty());
  CHECK(parsed.instructions[2].comments == std::vector<std::string>{"z"});
  CHECK(parsed.instructions[2].written_keyword == "Run");
  REQUIRE(parsed.empty_continuations.size() == 1);
  CHECK(parsed.empty_continuations[0].line == 10);
  REQUIRE(parsed.directives.size() == 1);
  CHECK(parsed.directives[0].value == "x");
}

TEST_CASE("what FROM and the pairs were written as") {
  const auto parsed = parse_conductorfile("FROM a as Base\nENV b c d\nLABEL e=f\n", "f");
  const auto& from = std::get<From>(parsed.instructions[0].statement);
  CHECK(from.as == "as");
  CHECK(from.written_stage.text == "Base");
  CHECK(from.stage == "base");
  CHECK(std::get<Env>(parsed.instructions[1].statement).old_form);
  CHECK_FALSE(std::get<Label>(parsed.instructions[2].statement).old_form);
}

TEST_CASE("an exposed word is a port or a range") {
  CHECK(parse_exposed("80")->protocol == "tcp");
  CHECK(parse_exposed("8000-8010/UDP")->last == 8010);
  CHECK(parse_exposed("127.0.0.1:81:80/sctp")->first == 80);
  for (const char* text : {"", "0", "65536", "80-70", "1-2-3", "80/", "80/icmp", "a", "-1", "80:", " 80"})
    CHECK_FALSE(parse_exposed(text));
}

TEST_CASE("a trigger is read as it was written") {
  const auto parsed =
      parse_conductorfile("FROM a\nONBUILD  copy --chown=1 <<\"E\" <<-G \\\n  /d/\n$x\nE\n\ty\nG\n", "f");
  const auto& onbuild = std::get<Onbuild>(parsed.instructions[1].statement);
  CHECK(onbuild.trigger == "copy --chown=1 <<\"E\" <<-G   /d/\n$x\nE\ny\nG");
}

TEST_CASE("triggers become instructions again") {
  const auto run = parse_trigger("run --network=none a  b", "base:1");
  CHECK(run.keyword == "RUN");
  CHECK(run.flags.size() == 1);
  CHECK(std::get<Run>(run.statement).command.words == std::vector<std::string>{"a  b"});
  CHECK(run.position.file == "trigger of base:1");
  const auto copy = parse_trigger("COPY <<E /d\n$x\nE", "base:1");
  CHECK(std::get<Copy>(copy.statement).heredocs.at(0).content == "$x\n");
  for (const char* text : {"FROM a", "onbuild RUN x", "MAINTAINER x", "INCLUDE x"})
    CHECK_THAT(trigger_failure(text), Contains("cannot be a trigger"));
  CHECK_THAT(trigger_failure("RUN a\nRUN b"), Contains("a trigger is one instruction"));
  CHECK_THAT(trigger_failure(""), Contains("a trigger is one instruction"));
  CHECK_THAT(trigger_failure("RNU x"), Contains("did you mean 'RUN'?"));
  CHECK_THAT(trigger_failure("COPY <<E /d\n$x\n"), Contains("not terminated"));
}
