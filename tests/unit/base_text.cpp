#include "base/source.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "support/catch.hpp"

using namespace conductor::base;
using namespace std::chrono_literals;

TEST_CASE("split keeps empty pieces and join is its inverse") {
  CHECK(split("", ',') == std::vector<std::string>{""});
  CHECK(split("a,,b,", ',') == std::vector<std::string>{"a", "", "b", ""});
  CHECK(join(split("a,,b,", ','), ",") == "a,,b,");
}

TEST_CASE("the nearest word is what a person meant") {
  const std::vector<std::string> keys{"image", "build", "command", "ports"};
  CHECK(nearest("imgae", keys) == "image");
  CHECK(nearest("port", keys) == "ports");
  CHECK(nearest("IMAGE", keys) == "image");
  CHECK_FALSE(nearest("volumes", keys));
  CHECK(did_you_mean("comand", keys) == "; did you mean 'command'?");
  CHECK(did_you_mean("zzz", keys).empty());
}

TEST_CASE("control characters never reach a terminal") {
  CHECK(escape_control("a\033[31mb\r\n") == "a\\x1b[31mb\\x0d\\n");
  CHECK(escape_control("\x7f\xc2\x9b") == "\\x7f\\x9b");
  CHECK(escape_control("gr\xc3\xbc\xc3\x9f") == "gr\xc3\xbc\xc3\x9f");
}

TEST_CASE("sizes are powers of 1024 with any of the usual names") {
  CHECK(parse_size("512") == 512);
  CHECK(parse_size("64k") == 65536);
  CHECK(parse_size("1.5m") == 1572864);
  CHECK(parse_size("2GB") == 2147483648);
  CHECK(parse_size("1GiB") == 1073741824);
  for (const auto* bad : {"", "k", "-1", "1x", "1 k", "9999999p", "1e3", "0x10"}) CHECK_FALSE(parse_size(bad));
  CHECK(format_size(1500000) == "1.5MB");
  CHECK(format_size(999) == "999B");
}

TEST_CASE("durations are Go's") {
  CHECK(parse_duration("1h5m30.5s") == 1h + 5min + 30500ms);
  CHECK(parse_duration("300ms") == 300ms);
  CHECK(parse_duration("0") == 0ns);
  for (const auto* bad : {"", "5", "s", "1y", "-1s", "1s1", "999999999h"}) CHECK_FALSE(parse_duration(bad));
  CHECK(format_duration(90s) == "1m30s");
  CHECK(format_duration(1500ms) == "1s500ms");
  CHECK(format_ago(61s) == "1 minute");
  CHECK(format_ago(3h) == "3 hours");
}

TEST_CASE("numbers are decimal and bounded") {
  CHECK(parse_number("65535", 65535) == 65535);
  for (const auto* bad : {"", "65536", "-1", "+1", " 1", "1 ", "0x1", "99999999999999999999"})
    CHECK_FALSE(parse_number(bad, 65535));
  CHECK(parse_decimal("1.5") == 1.5);
  CHECK_FALSE(parse_decimal("1.5x"));
}

TEST_CASE("times are RFC 3339 in UTC") {
  CHECK(format_time(0) == "1970-01-01T00:00:00.000000000Z");
  CHECK(format_time(1'000'000'000'000'000'001) == "2001-09-09T01:46:40.000000001Z");
}

TEST_CASE("a mistake is shown with its line and a caret below the place") {
  const Diagnostic unknown{{"compose.yaml", 2, 3}, "unknown key 'imagee'", "did you mean 'image'?"};
  CHECK(render(unknown, "services:\n  imagee: x\n") ==
        "compose.yaml:2:3: error: unknown key 'imagee'\n      imagee: x\n      ^ did you mean 'image'?");
  const Diagnostic whole{{"f", 0, 0}, "no stage", ""};
  CHECK(render(whole, "x") == "f: error: no stage");
  const Diagnostic tabs{{"f", 1, 2}, "bad", ""};
  CHECK(render(tabs, "\tx\033") == "f:1:2: error: bad\n    \tx\\x1b\n    \t^");
}
