// Hostile texts: each is refused, or read, in well under a second.
#include "parser/compose_file.hpp"
#include "parser/conductorfile.hpp"
#include "support/catch.hpp"

#include <cstdlib>
#include <ctime>
#include <functional>
#include <string>

using namespace conductor;

namespace {

std::string repeated(std::size_t times, const std::string& text) {
  std::string out;
  out.reserve(times * text.size());
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

std::optional<std::string> unset(const std::string&) { return std::nullopt; }

// The message, or "" when the text is accepted; fails when it costs too much processor time: a second in
// a release build, a few with debugging or sanitizers.
std::string outcome(const char* name, const std::function<void()>& parse) {
  INFO(name);
  const std::clock_t before = std::clock();
  std::string message;
  try {
    parse();
  } catch (const base::Error& error) {
    message = error.what();
  }
  const double seconds = static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
  CHECK(seconds < 4);
  if (std::getenv("LIMITS_TIMES") != nullptr) WARN(std::string(name) + " " + std::to_string(seconds));

  return message.substr(0, 4000);
}

std::string compose(const char* name, const std::string& text) {
  return outcome(name, [&] { parser::parse_compose_file(text, "f", unset); });
}

std::string conductorfile(const char* name, const std::string& text) {
  return outcome(name, [&] { parser::parse_conductorfile(text, "f"); });
}

constexpr std::size_t megabyte = 1'000'000;

}  // namespace

TEST_CASE("hostile compose files") {
  CHECK_THAT(compose("too long", repeated(megabyte, "xx")), Contains("longer than 1 MiB"));
  CHECK_THAT(compose("brackets", repeated(megabyte, "[")), Contains("64 levels"));
  CHECK_THAT(compose("braces", repeated(megabyte, "{")), Contains("error"));
  CHECK_THAT(compose("braces with keys", repeated(megabyte / 4, "{a: ")), Contains("64 levels"));
  CHECK_THAT(compose("dashes", repeated(megabyte / 2, "- ")), Contains("64 levels"));
  CHECK_THAT(compose("questions", repeated(megabyte / 2, "? ")), Contains("error"));
  CHECK_THAT(compose("colons", repeated(megabyte / 2, ": ")), Contains("error"));
  CHECK_THAT(compose("keys on one line", repeated(megabyte / 3, "a: ")), Contains("error"));
  CHECK_THAT(compose("one key", repeated(megabyte, "k") + ": x"), Contains("error"));
  CHECK_THAT(compose("one scalar", repeated(megabyte, "k")), Contains("must be a map"));
  CHECK_THAT(compose("scalar of words", "a: " + repeated(megabyte / 2, "k ")), Contains("unknown key 'a'"));
  CHECK_THAT(compose("quotes", repeated(megabyte / 2, "\"a")), Contains("error"));
  CHECK_THAT(compose("open quote", "a: \"" + repeated(megabyte, "x")), Contains("illegal EOF in scalar"));
  CHECK_THAT(compose("empty lines", repeated(megabyte, "\n")), Contains("no services"));
  CHECK_THAT(compose("blanks", repeated(megabyte, " ")), Contains("no services"));
  CHECK_THAT(compose("comments", repeated(megabyte / 2, "#\n")), Contains("no services"));
  CHECK_THAT(compose("documents", repeated(megabyte / 4, "---\n")), Contains("second document"));
  CHECK_THAT(compose("anchors", repeated(megabyte / 3, "&a ")), Contains("error"));
  CHECK_THAT(compose("tags", repeated(megabyte / 3, "!a ")), Contains("error"));
  CHECK_THAT(compose("many keys",
                     [] {
                       std::string text;
                       for (int i = 0; i < 100'000; ++i) text += "k" + std::to_string(i) + ": 1\n";
                       return text;
                     }()),
             Contains("more than 10000 nodes"));
  CHECK_THAT(
      compose("long scalar, many aliases", "a: &a " + repeated(500'000, "x") + "\nb: [" + repeated(999, "*a,") + "]"),
      Contains("4 MiB of text"));
}

TEST_CASE("anchors within anchors are bounded") {
  std::string open, close;
  for (int i = 0; i < 40; ++i) {
    open += "&a" + std::to_string(i) + " [";
    close += "]";
  }
  CHECK_THAT(compose("text", "a: " + open + repeated(500'000, "x") + close), Contains("anchors within anchors"));
  CHECK_THAT(compose("nodes", "a: " + open + repeated(4'000, "x,") + close), Contains("anchors within anchors"));
}

TEST_CASE("a thousand services that misname each other") {
  std::string text = "services:\n";
  for (int i = 0; i < 1'000; ++i)
    text += "  service" + std::to_string(i) + ": {image: x, peers: [servce" + std::to_string(i) + "]}\n";
  CHECK_THAT(compose("peers", text), Contains("did you mean"));
}

TEST_CASE("merges of merges are counted before they are made") {
  std::string text = "m0: &m0 {a: 1, b: 2}\n";
  for (int i = 1; i < 40; ++i) {
    const auto before = "*m" + std::to_string(i - 1);
    text += "m" + std::to_string(i) + ": &m" + std::to_string(i) + " {<<: [" + before + ", " + before + "], c" +
            std::to_string(i) + ": 1}\n";
  }
  CHECK_THAT(compose("merges", text), Contains("more than 10000 nodes"));
}

namespace {
// Ten thousand names, each `before` it and `after` it.
std::string numbered(const std::string& before, const std::string& after) {
  std::string text;
  for (int i = 0; i < 10'000; ++i) text += before + "n" + std::to_string(i) + after;
  return text;
}
}  // namespace

TEST_CASE("thousands of here-documents") {
  CHECK(conductorfile("on a line", "FROM a\nRUN " + numbered(" <<", "") + "\n" + numbered("", "\n")).empty());
  CHECK(conductorfile("sources", "FROM a\nCOPY " + numbered(" <<", "") + " /d/\n" + numbered("", "\n")).empty());
  CHECK(conductorfile("instructions", "FROM a\n" + repeated(10'000, "RUN <<a\nx\na\n")).empty());
  CHECK(conductorfile("that are none", "FROM a\nRUN " + numbered(" << ", "") + "\n" + repeated(90'000, "USER x\n"))
            .empty());
  CHECK_THAT(conductorfile("without end", "FROM a\nRUN " + numbered(" <<", "") + "\n"), Contains("not terminated"));
}

TEST_CASE("hostile syntax trees") {
  const auto tree = [](const char* name, const std::string& text) {
    return outcome(name, [&] { parser::dump_syntax(text, "f"); });
  };
  CHECK_THAT(tree("triggers", repeated(megabyte / 8, "ONBUILD ") + "RUN x"), Contains("nested too deeply"));
  CHECK(tree("stages", repeated(10'000, "FROM a\nRUN x\n")).empty());
  CHECK(tree("words", "EXPOSE " + repeated(megabyte / 2, "a ")).empty());
  CHECK(tree("control bytes", "RUN " + repeated(megabyte, "\x01")).empty());
  CHECK(tree("broken characters", "RUN " + repeated(megabyte, "\xe4")).empty());
  CHECK_THAT(tree("unknown", repeated(megabyte / 8, "nothing\n")), Contains("unknown instruction"));
  CHECK_THAT(tree("long unknown", repeated(20, repeated(100'000, "x") + "\n")), Contains("unknown instruction"));
}

TEST_CASE("hostile expansions") {
  const auto expanded = [](const char* name, const std::string& text, const std::string& value) {
    return outcome(name, [&] {
      parser::expand({text, {}}, [&](const std::string&) { return std::optional<std::string>(value); });
    });
  };
  const std::string long_value = repeated(megabyte / 2, "ab");
  CHECK_THAT(expanded("read again", repeated(100'000, "${x##*}"), long_value), Contains("more than 16 MiB"));
  CHECK_THAT(expanded("nested again", repeated(20'000, "${x:+${x##*}}"), long_value), Contains("more than 16 MiB"));
  CHECK_THAT(expanded("slow pattern", "${x/" + repeated(20'000, "ab") + "c/}", long_value), Contains("takes too long"));
  CHECK(expanded("many stars", "${x%%c" + repeated(500, "*" + repeated(500, "ab")) + "}", long_value).empty());
  CHECK_THAT(expanded("growing", "${x//a/" + repeated(1'000, "y") + "}", long_value), Contains("too long"));
  CHECK(expanded("stars", "${x##" + repeated(500, "*a") + "}", long_value).empty());
  CHECK(expanded("every one", "${x//?/c}", long_value).empty());
}

TEST_CASE("hostile mounts and ignore files") {
  const auto mount = [](const char* name, const std::string& text) {
    return outcome(name, [&] { parser::parse_run_mount({text, {}}, unset); });
  };
  CHECK_THAT(mount("commas", repeated(megabyte, ",")), Contains("unknown key"));
  CHECK_THAT(mount("quotes", repeated(megabyte, "\"")), Contains("--mount"));
  CHECK(mount("targets", repeated(50'000, "target=/x,") + "rw").empty());
  const auto ignore = [](const char* name, const std::string& text) {
    return outcome(name, [&] { parser::IgnoreRules::parse(text).ignores(repeated(1'000, "ab/") + "c"); });
  };
  CHECK_THAT(ignore("long", repeated(megabyte, "*a")), Contains("longer than 16 KiB"));
  CHECK_THAT(ignore("many", repeated(100'000, "a\n")), Contains("more than 50000"));
  CHECK(ignore("stars", repeated(5'000, "*a") + "/" + repeated(10, "**/x")).empty());
  CHECK_THAT(ignore("dots", repeated(megabyte / 3, "../")), Contains("longer than 16 KiB"));
  CHECK(ignore("dots that go", repeated(megabyte / 5, "a/../") + "ab").empty());
}

TEST_CASE("hostile Conductorfiles") {
  CHECK_THAT(conductorfile("too long", repeated(3 * megabyte, "x")), Contains("longer than 2 MiB"));
  CHECK_THAT(conductorfile("one word", repeated(megabyte, "x")), Contains("no FROM"));
  CHECK_THAT(conductorfile("unknown lines", "FROM a\n" + repeated(megabyte / 5, "RUNN\n")),
             Contains("did you mean 'RUN'"));
  CHECK(conductorfile("stages", repeated(10'000, "FROM a\nRUN x\n")).empty());
  CHECK(conductorfile("continuations", "FROM a\nRUN x" + repeated(megabyte / 2, "\\\n") + "\n").empty());
  CHECK(conductorfile("escapes", "FROM a\nRUN x" + repeated(megabyte, "\\") + "\n").empty());
  CHECK(conductorfile("escapes and blanks", "FROM a\nRUN x" + repeated(megabyte / 2, "\\ ") + "\n").empty());
  CHECK(conductorfile("comments inside", "FROM a\nRUN x \\\n" + repeated(megabyte / 2, "#\n") + "y\n").empty());
  CHECK(conductorfile("blanks", "FROM a\nRUN x" + repeated(megabyte, " ") + "\n").empty());
  CHECK(conductorfile("quotes", "FROM a\nRUN <<x " + repeated(megabyte / 6, "\"'\"'\"'") + "\nx\n").empty());
  CHECK(conductorfile("open quotes", "FROM a\nRUN <<x " + repeated(megabyte / 2, "\"\\") + "\n").empty());
  CHECK(conductorfile("open JSON", "FROM a\nCMD " + repeated(megabyte, "[") + "\n").empty());
  CHECK_THAT(conductorfile("here-documents", "FROM a\nRUN " + repeated(megabyte / 5, "<<a <") + "\n"),
             Contains("not terminated"));
  CHECK_THAT(conductorfile("open here-document", "FROM a\nRUN <<a\n" + repeated(megabyte / 2, "b\n")),
             Contains("not terminated"));
  CHECK_THAT(conductorfile("nested variables", "FROM a\nENV a=" + repeated(megabyte / 5, "${a:-")),
             Contains("nested too deeply"));
  CHECK(conductorfile("flags", "FROM a\nCOPY " + repeated(megabyte / 16, "--exclude=x ") + "a b\n").empty());
  CHECK_THAT(conductorfile("one flag", "FROM a\nCOPY " + repeated(megabyte / 16, "--from=x ") + "a b\n"),
             Contains("COPY --from is given twice"));
  CHECK_THAT(conductorfile("unknown flags", "FROM a\nCOPY " + repeated(megabyte / 16, "--fron=x ") + "a b\n"),
             Contains("unknown flag: COPY --fron"));
  CHECK(conductorfile("words", "FROM a\nENV " + repeated(megabyte / 8, "a=b ") + "\n").empty());
}
