#include "base/error.hpp"
#include "cli/options.hpp"
#include "support/catch.hpp"

using namespace conductor;

namespace {

using Words = std::vector<std::string>;

// Some options of `run`, and its words.
struct Sample {
  cli::Options options{"run", "Run something"};
  bool detach = false, interactive = false, terminal = false;
  std::string name = "unset";
  std::optional<std::string> entrypoint;
  std::vector<std::string> environment, words;
  std::optional<std::int64_t> count, memory;

  Sample() {
    options.flag("-d,--detach", detach, "background");
    options.flag("-i,--interactive", interactive, "input");
    options.flag("-t,--tty", terminal, "terminal");
    options.option("--name", name, "name", "NAME");
    options.option("--entrypoint", entrypoint, "program", "PROGRAM");
    options.option("-e,--env", environment, "variable", "VARIABLE");
    options.number("--count", count, "how many", "N");
    options.size("-m,--memory", memory, "memory");
    options.unsupported("--gpus --userns");
    options.rest("IMAGE [COMMAND...]", words, 1);
  }
};

}  // namespace

TEST_CASE("options: docker's ways to write them") {
  Sample s;
  s.options.parse({"-dit", "--name=web", "-eA=1", "-e", "B=x=y", "--env=C", "-m64m", "--count", "3", "image"});
  CHECK((s.detach && s.interactive && s.terminal));
  CHECK(s.name == "web");
  CHECK(s.environment == Words{"A=1", "B=x=y", "C"});
  CHECK(s.memory == 64 << 20);
  CHECK(s.count == 3);
  CHECK(s.words == Words{"image"});
}

TEST_CASE("options: a flag that may have a value never takes the next word") {
  const auto parse = [](const Words& typed) {
    cli::Options options("run", "Run something");
    bool detach = false;
    Words internet, words;
    options.flag("-d,--detach", detach, "background");
    options.flag_or_option("--internet", internet, "the world", "LIST");
    options.rest("IMAGE [COMMAND...]", words, 1);
    options.parse(typed);
    CHECK(words == Words{"image", "--internet"});
    CHECK_THAT(options.help(), Contains("    --internet[=LIST]  the world\n"));
    return internet;
  };
  CHECK(parse({"image", "--internet"}).empty());
  CHECK(parse({"--internet", "image", "--internet"}) == Words{"true"});
  CHECK(parse({"--internet=false", "image", "--internet"}) == Words{"false"});
  CHECK(parse({"--internet=a:443,b", "-d", "--internet=[::1]:53/udp", "image", "--internet"}) ==
        Words{"a:443,b", "[::1]:53/udp"});
  CHECK(parse({"--internet=", "image", "--internet"}) == Words{""});
}

TEST_CASE("options: what follows the first word is taken untouched") {
  Sample s;
  const Words command = {"image", "-d", "--name=x", "--", "-e", "", "a b", "$x", "--y=", "-", "[1,2]", "--name"};
  s.options.parse(command);
  CHECK(s.words == command);
  CHECK_FALSE(s.detach);
  CHECK(s.name == "unset");
}

TEST_CASE("options: values may be empty, begin with a dash or look like a list") {
  Sample s;
  s.options.parse({"--entrypoint=", "-e", "-x", "-e", "[a,b]", "-e", "{}", "--name", "", "image", "word"});
  CHECK(s.entrypoint == "");
  CHECK(s.environment == Words{"-x", "[a,b]", "{}"});
  CHECK(s.name.empty());
  CHECK(s.words == Words{"image", "word"});
}

TEST_CASE("options: said twice, the last one counts; a flag can be taken back") {
  Sample s;
  s.options.parse({"--name", "a", "--name", "b", "-d", "--detach=false", "image"});
  CHECK(s.name == "b");
  CHECK_FALSE(s.detach);
}

TEST_CASE("options: mistakes are told with what was probably meant") {
  CHECK_THROWS_WITH(Sample().options.parse({"--nmae", "x", "image"}), Contains("did you mean '--name'"));
  CHECK_THROWS_WITH(Sample().options.parse({"--gpus", "all", "image"}), Contains("--gpus is not supported yet"));
  CHECK_THROWS_WITH(Sample().options.parse({"--gpus=all", "image"}), Contains("--gpus is not supported yet"));
  CHECK_THROWS_WITH(Sample().options.parse({"--count", "many", "image"}), Contains("whole number"));
  CHECK_THROWS_WITH(Sample().options.parse({"-m", "much", "image"}),
                    "option --memory takes a size such as 64m or 1g, not 'much'");
  CHECK_THROWS_WITH(Sample().options.parse({"-d"}), Contains("needs IMAGE"));
  CHECK_THROWS_WITH(Sample().options.parse({"--name"}), "option --name needs a value");
  try {
    Sample().options.parse({"--bad"});
  } catch (const base::Error& e) {
    CHECK(e.exit_code() == 125);
    CHECK(e.hint().find("conductor run --help") != std::string::npos);
  }
}

TEST_CASE("options: --help names every option") {
  try {
    Sample().options.parse({"--help"});
    FAIL("no help");
  } catch (const cli::HelpWanted& help) {
    CHECK_THAT(help.text, Contains("Usage: conductor run [OPTIONS] IMAGE [COMMAND...]"));
    CHECK_THAT(help.text, Contains("-d, --detach"));
    CHECK_THAT(help.text, Contains("--name NAME"));
  }
}

TEST_CASE("options: the help marks words that may be left out") {
  const auto usage = [](std::size_t minimum) {
    Words words;
    cli::Options options("stop", "Stop");
    options.words("NAME", words, minimum);
    return options.help();
  };
  CHECK_THAT(usage(0), Contains("Usage: conductor stop [NAME...]\n"));
  CHECK_THAT(usage(1), Contains("Usage: conductor stop NAME...\n"));
}

TEST_CASE("options: one of the family behind the command is told where it stands") {
  cli::Options family("compose", ""), options("compose up", "");
  std::string file;
  family.option("-f,--file", file, "file", "FILE");
  options.mention(family);
  CHECK_THROWS_WITH(options.parse({"-f", "x"}), "option -f stands before 'up': conductor compose -f … up");
}

TEST_CASE("options: words by name, and options between them") {
  std::string first, second = "unset";
  bool force = false;
  const auto parse = [&](const Words& words) {
    cli::Options options("rename", "Rename");
    options.flag("-f", force, "force");
    options.word("OLD", first);
    options.optional_word("NEW", second);
    options.parse(words);
  };
  parse({"a", "-f", "b"});
  CHECK((first == "a" && second == "b" && force));
  parse({"--", "-a"});
  CHECK(first == "-a");
  CHECK_THROWS_WITH(parse({}), Contains("needs OLD"));
  CHECK_THROWS_WITH(parse({"a", "b", "c"}), Contains("does not take 'c'"));
}

TEST_CASE("options: seconds or a duration") {
  CHECK(cli::parse_seconds_ns("-t", "10") == 10'000'000'000);
  CHECK(cli::parse_seconds_ns("-t", "1m30s") == 90'000'000'000);
  CHECK_THROWS(cli::parse_seconds_ns("-t", "soon"));
}
