// The build checks: which finding, and where. The texts users see are in tests/cases/conductorfile.
#include "parser/checks.hpp"
#include "support/catch.hpp"

#include <ctime>

using namespace conductor;
using namespace conductor::parser;

namespace {

// "Rule line:column", a blank between, in the order of the text.
std::string found(const std::string& text, const CheckOptions& options = {}) {
  const auto result = check(parse_conductorfile(text, "Conductorfile"), options);
  std::string shown;
  for (const auto& [rule, diagnostic] : result.findings) {
    CHECK(diagnostic.severity == base::Severity::warning);
    CHECK(diagnostic.position.file == "Conductorfile");
    shown += (shown.empty() ? "" : " ") + rule + " " + std::to_string(diagnostic.position.line) + ":" +
             std::to_string(diagnostic.position.column);
  }
  return shown;
}

std::string hint(const std::string& text) {
  const auto result = check(parse_conductorfile(text, "Conductorfile"), {});
  return result.findings.empty() ? "nothing found" : result.findings.front().diagnostic.hint;
}

const std::string experimental = "# check=experimental=all\n";

}  // namespace

TEST_CASE("the table of checks has the published names, in their order") {
  std::string names;
  for (const auto& rule : check_rules()) names += std::string(rule.name) + (rule.experimental ? "* " : " ");
  CHECK(names ==
        "StageNameCasing FromAsCasing NoEmptyContinuation ConsistentInstructionCasing DuplicateStageName "
        "ReservedStageName JSONArgsRecommended MaintainerDeprecated UndefinedArgInFrom WorkdirRelativePath "
        "UndefinedVar MultipleInstructionsDisallowed LegacyKeyValueFormat RedundantTargetPlatform "
        "SecretsUsedInArgOrEnv InvalidDefaultArgInFrom FromPlatformFlagConstDisallowed CopyIgnoredFile* "
        "InvalidDefinitionDescription* ExposeProtoCasing ExposeInvalidFormat ");
}

TEST_CASE("names of stages") {
  CHECK(found("FROM scratch AS Build\n") == "StageNameCasing 1:17");
  CHECK(found("FROM scratch AS build-2\n").empty());
  CHECK(found("FROM a AS x\nFROM b AS y\nFROM c AS X\n") == "StageNameCasing 3:11 DuplicateStageName 3:11");
  CHECK(found("FROM a AS scratch\nFROM a AS context\nFROM a AS scratchy\n") ==
        "ReservedStageName 1:11 ReservedStageName 2:11");
}

TEST_CASE("one case for keywords") {
  CHECK(found("FROM a as b\n") == "FromAsCasing 1:1");
  CHECK(found("from a AS b\nlabel x=y\n") == "FromAsCasing 1:1");
  CHECK(found("FROM a AS b\n").empty());
  CHECK(found("from a as b\n").empty());
  CHECK(found("FROM a\nrun x\nUSER u\n") == "ConsistentInstructionCasing 2:1");
  CHECK(found("from a\nRUN x\nuser u\n") == "ConsistentInstructionCasing 2:1");
  CHECK(found("from a\nRUN x\n") == "ConsistentInstructionCasing 1:1");
  CHECK(found("FROM a\nRun x\n") == "ConsistentInstructionCasing 2:1");
  CHECK(found("From a as b\nUSER u\n") == "ConsistentInstructionCasing 1:1");  // one finding is enough
}

TEST_CASE("empty continuations") {
  CHECK(found("FROM a\nRUN x && \\\n\n  y\n").starts_with("NoEmptyContinuation 3:"));
  CHECK(found("FROM a\nRUN x && \\\n  # why\n  y\n").empty());
}

TEST_CASE("commands") {
  CHECK(found("FROM a\nCMD run it\n") == "JSONArgsRecommended 2:1");
  CHECK(found("FROM a\nENTRYPOINT run it\n") == "JSONArgsRecommended 2:1");
  CHECK(found("FROM a\nENTRYPOINT [\"run\"]\nCMD [\"it\"]\n").empty());
  CHECK(found("FROM a\nSHELL [\"/bin/bash\", \"-c\"]\nCMD run it\n").empty());
  CHECK(found("FROM a AS b\nSHELL [\"/bin/bash\", \"-c\"]\nFROM b\nCMD run it\n").empty());
  CHECK(found("FROM a AS b\nSHELL [\"/bin/bash\", \"-c\"]\nFROM a\nCMD run it\n") == "JSONArgsRecommended 4:1");
  CHECK(found("FROM a\nHEALTHCHECK CMD curl localhost\nCMD [\"x\"]\n").empty());
}

TEST_CASE("what counts once") {
  CHECK(found("FROM a\nCMD [\"x\"]\nCMD [\"y\"]\nCMD [\"z\"]\n") ==
        "MultipleInstructionsDisallowed 2:1 MultipleInstructionsDisallowed 3:1");
  CHECK(found("FROM a\nENTRYPOINT [\"x\"]\nCMD [\"y\"]\nENTRYPOINT [\"z\"]\n") == "MultipleInstructionsDisallowed 2:1");
  CHECK(found("FROM a\nHEALTHCHECK NONE\nHEALTHCHECK CMD x\n") == "MultipleInstructionsDisallowed 2:1");
  CHECK(found("FROM a AS b\nCMD [\"x\"]\nFROM b\nCMD [\"y\"]\n").empty());
}

TEST_CASE("what has been replaced") {
  CHECK(found("FROM a\nMAINTAINER me\n") == "MaintainerDeprecated 2:1");
  CHECK(found("FROM a\nENV name the value\n") == "LegacyKeyValueFormat 2:5");
  CHECK(found("FROM a\nENV name=value\n").empty());
  CHECK(found("FROM a\nLABEL name the value\n") == "LegacyKeyValueFormat 2:7");
  CHECK(found("FROM a\nARG foo bar\n") == "LegacyKeyValueFormat 2:9");
  CHECK(found("FROM a\nARG foo bar\nRUN echo $bar\n").empty());  // two arguments, both meant
  CHECK(found("FROM a\nARG foo=bar\n").empty());
  CHECK(found("FROM a\nARG HTTP_PROXY NO_PROXY\n").empty());
}

TEST_CASE("arguments of FROM") {
  CHECK(found("FROM a:$TAG\n") == "UndefinedArgInFrom 1:8");
  CHECK(found("ARG TAG=1\nFROM a:$TAG\n").empty());
  CHECK(found("FROM a-$TARGETARCH\n").empty());
  CHECK(found("ARG VARIANT=1\nFROM a:$VARAINT\n") == "UndefinedArgInFrom 2:8");
  CHECK(hint("ARG VARIANT=1\nFROM a:$VARAINT\n").find("VARIANT") != std::string::npos);
  CHECK(found("FROM b\nARG TAG=1\nFROM a:$TAG\n") == "UndefinedArgInFrom 3:8");  // a stage's own

  CHECK(found("ARG TAG\nFROM a:${TAG}\n") == "InvalidDefaultArgInFrom 2:6");
  CHECK(found("ARG TAG\nFROM a:stable${TAG}\n").empty());
  CHECK(found("ARG TAG\nFROM a:${TAG:-3.14}\n").empty());
  CHECK(found("ARG IMAGE\nFROM $IMAGE\n") == "InvalidDefaultArgInFrom 2:6");
  CHECK(found("ARG TAG=\"a b\"\nFROM a:$TAG\n") == "InvalidDefaultArgInFrom 2:6");
  CHECK(found("ARG TAG\nFROM a:${TAG:?missing}\n") == "InvalidDefaultArgInFrom 2:6");
  CHECK(found("ARG R=registry.example.com:5000 D=@sha256:0123\nFROM $R/team/a:1.2$D\n").empty());
  CheckOptions given;
  given.arguments["TAG"] = "1";
  CHECK(found("ARG TAG\nFROM a:$TAG\n", given) == "InvalidDefaultArgInFrom 2:6");  // not everybody gives it
}

TEST_CASE("the platform of FROM") {
  CHECK(found("FROM --platform=$TARGETPLATFORM a\n") == "RedundantTargetPlatform 1:6");
  CHECK(found("FROM --platform=${TARGETPLATFORM} a\n") == "RedundantTargetPlatform 1:6");
  CHECK(found("FROM --platform=$BUILDPLATFORM a\n").empty());
#if defined(__x86_64__)
  CHECK(found("FROM --platform=linux/amd64 a AS base\n") == "FromPlatformFlagConstDisallowed 1:6");
  CHECK(found("FROM --platform=linux/amd64 a AS build_amd64\n").empty());
#endif
}

TEST_CASE("the first WORKDIR") {
  CHECK(found("FROM a\nWORKDIR app/src\n") == "WorkdirRelativePath 2:9");
  CHECK(found("FROM a\nWORKDIR /app\nWORKDIR src\n").empty());
  CHECK(found("FROM a\nWORKDIR app\nWORKDIR src\n") == "WorkdirRelativePath 2:9");
  CHECK(found("FROM a AS b\nWORKDIR /app\nFROM b\nWORKDIR src\n").empty());
  CHECK(found("FROM a AS b\nWORKDIR /app\nFROM a\nWORKDIR src\n") == "WorkdirRelativePath 4:9");
  CHECK(found("FROM a\nARG D=/app\nWORKDIR $D\n").empty());
}

TEST_CASE("variables") {
  CHECK(found("FROM a\nCOPY $foo .\n") == "UndefinedVar 2:6");
  CHECK(found("FROM a\nARG foo\nCOPY $foo .\n").empty());
  CHECK(found("FROM a\nENV PATH=$PAHT:/bin\n") == "UndefinedVar 2:10");
  CHECK(hint("FROM a\nENV PATH=$PAHT:/bin\n").find("PATH") != std::string::npos);
  CHECK(found("ARG top=1\nFROM a\nLABEL x=$top\n") == "UndefinedVar 3:9");  // global ones end at FROM
  CHECK(found("ARG top=1\nFROM a\nARG top\nLABEL x=$top\n").empty());
  CHECK(found("FROM a\nENV A=1 B=$A\n") == "UndefinedVar 2:11");  // an ENV does not see its own
  CHECK(found("FROM a AS b\nENV A=1\nARG C=2\nFROM b\nLABEL x=$A$C\n").empty());
  CHECK(found("FROM a AS b\nENV A=1\nFROM a\nLABEL x=$A\n") == "UndefinedVar 4:9");
  CHECK(found("FROM a\nLABEL x=${A:-1} y=${A+2} z=${A?no}\n").empty());  // the words say what then
  CHECK(found("FROM a\nLABEL x=${A:-$B}\n") == "UndefinedVar 2:14");
  CHECK(found("FROM a\nLABEL x=${A#p} y='$B' z=\\$C\n") == "UndefinedVar 2:9");
  CHECK(found("FROM a\nRUN echo $A\nCMD [\"$B\"]\n").empty());  // the shell's
  CHECK(found("FROM a\nCOPY --chown=$U:$U x y\n") == "UndefinedVar 2:6");
  CHECK(found("FROM a\nUSER $A\nEXPOSE $B\nWORKDIR /$C\n") == "UndefinedVar 2:6 UndefinedVar 3:8 UndefinedVar 4:10");
  CHECK(found("FROM a\nLABEL x=$TARGETARCH\n") == "UndefinedVar 2:9");
}

TEST_CASE("secrets") {
  CHECK(found("FROM a\nARG AWS_SECRET_ACCESS_KEY\n") == "SecretsUsedInArgOrEnv 2:5");
  CHECK(found("FROM a\nENV api_key=1 OK=2 TOKEN=3\n") == "SecretsUsedInArgOrEnv 2:5 SecretsUsedInArgOrEnv 2:20");
  CHECK(found("ARG GITHUB_TOKEN\nFROM a\n") == "SecretsUsedInArgOrEnv 1:5");
  CHECK(found("FROM a\nENV PUBLIC_KEY=1 KEYBOARD=us AUTHOR=me PASSWORD_FILE=/x\n").empty());
}

TEST_CASE("EXPOSE") {
  CHECK(found("FROM a\nEXPOSE 80/TcP 81/udp\n") == "ExposeProtoCasing 2:11");
  CHECK(found("FROM a\nEXPOSE 127.0.0.1:80:80\n") == "ExposeInvalidFormat 2:8");
  CHECK(found("FROM a\nEXPOSE 80:80 [::1]:80:80\n") == "ExposeInvalidFormat 2:8 ExposeInvalidFormat 2:14");
  CHECK(found("FROM a\nARG P=80\nEXPOSE ${P:-80} 8000-8010/tcp\n").empty());
}

TEST_CASE("experimental checks run when they are asked for") {
  const std::string described = "# nothing about it\nFROM a AS base\n# base is good\nARG VERSION=1\n";
  CHECK(found("\n" + described).empty());
  CHECK(found(experimental + "\n" + described) == "InvalidDefinitionDescription 4:1 InvalidDefinitionDescription 6:1");
  CHECK(found(experimental + "\n# base is good\nFROM a AS base\n# VERSION of all\nARG VERSION=1\n").empty());
  CHECK(found(experimental + "\n# apart\n\nFROM a AS base\n# apart\n\nARG VERSION=1\n").empty());
  CHECK(found(experimental + "\n# of no name\nFROM a\n").empty());

  const auto rules = IgnoreRules::parse("tmp/*\n*.log\n");
  CheckOptions options;
  options.ignore = &rules;
  const std::string copies =
      "FROM a AS b\nCOPY ./tmp/x /x\nADD y.log http://h/z.log /\nCOPY --from=b tmp/x /\nCOPY ok /\n";
  CHECK(found(copies, options).empty());
  CHECK(found(experimental + copies, options) == "CopyIgnoredFile 3:6 CopyIgnoredFile 4:5");
  const auto excepting = IgnoreRules::parse("tmp/*\n!tmp/x\n");
  options.ignore = &excepting;
  CHECK(found(experimental + copies, options).empty());
}

TEST_CASE("the check directive") {
  const std::string bad = "FROM a AS B\nCMD x\n";
  CHECK(found(bad) == "StageNameCasing 1:11 JSONArgsRecommended 2:1");
  CHECK(found("# check=skip=StageNameCasing\n" + bad) == "JSONArgsRecommended 3:1");
  CHECK(found("# syntax=docker/dockerfile:1\n# check=skip=StageNameCasing, JSONArgsRecommended\n" + bad).empty());
  CHECK(found("# check=skip=all\n" + bad).empty());
  CHECK(found("# check=skip=all;experimental=all\n# odd\nFROM a AS b\n") == "InvalidDefinitionDescription 3:1");
  CHECK(check(parse_conductorfile("# check=error=true\n" + bad, "f"), {}).error);
  CHECK(check(parse_conductorfile("# check=skip=all;error=true\n" + bad, "f"), {}).error);
  CHECK_FALSE(check(parse_conductorfile("# check=error=false\n" + bad, "f"), {}).error);
  CHECK_FALSE(check(parse_conductorfile(bad, "f"), {}).error);

  CheckOptions options;
  options.arguments["BUILDKIT_DOCKERFILE_CHECK"] = "skip=JSONArgsRecommended";
  CHECK(found("# check=skip=all\n" + bad, options) == "StageNameCasing 2:11");  // in its place
}

TEST_CASE("a check directive that cannot be read is a mistake at its place") {
  for (const std::string wrong : {"skip=StageNameCasting", "skip=stagenamecasing", "skipp=all", "error=maybe", "all"}) {
    INFO(wrong);
    const auto parsed = parse_conductorfile("# check=" + wrong + "\nFROM a\n", "f");
    CHECK_THROWS_AS(check(parsed, {}), base::SourceError);
    try {
      check(parsed, {});
    } catch (const base::SourceError& error) {
      CHECK(error.diagnostics().front().position.line == 1);
    }
  }
}

TEST_CASE("findings in included files come after those of the file that includes them") {
  ParseOptions options;
  options.include = [](const std::string& path, const std::string&) {
    return SourceText{path, "MAINTAINER me\nWORKDIR x\n"};
  };
  const auto parsed = parse_conductorfile("FROM a AS B\nINCLUDE more\nCMD x\n", "Conductorfile", options);
  std::string shown;
  for (const auto& [rule, diagnostic] : check(parsed, {}).findings) shown += base::to_text(diagnostic.position) + " ";
  CHECK(shown == "Conductorfile:1:11 Conductorfile:3:1 more:1:1 more:2:9 ");
}

TEST_CASE("hostile files are checked in no time") {
  const auto repeated = [](int times, const std::string& text) {
    std::string all = "FROM a\n";
    for (int i = 0; i < times; ++i) {
      std::string line = text;
      for (auto at = line.find('#'); at != std::string::npos; at = line.find('#'))
        line.replace(at, 1, std::to_string(i));
      all += line;
    }
    return all;
  };
  for (const std::string line : {"ENV a#=$b#\n", "ARG a# b#\n", "FROM a AS x\n", "CMD x\n", "LABEL l=$u$v$w$x$y\n"}) {
    INFO(line);
    const auto parsed = parse_conductorfile(repeated(2000, line), "f");
    const auto begin = std::clock();
    CHECK(check(parsed, {}).findings.size() >= 1999);
    CHECK(static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC < 2);
  }
}
