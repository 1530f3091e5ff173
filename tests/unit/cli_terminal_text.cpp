#include "cli/terminal_text.hpp"
#include "support/catch.hpp"

using namespace conductor::cli;

TEST_CASE("terminal text: columns of letters, marks, wide characters and colours") {
  CHECK(display_width("abc") == 3);
  CHECK(display_width("äöü…") == 4);
  CHECK(display_width("日本") == 4);
  CHECK(display_width("e\u0301") == 1);
  CHECK(display_width("\x1b[31mred\x1b[0m") == 3);
  CHECK(display_width("\xff\xfe") == 2);
}

TEST_CASE("terminal text: cut to a width") {
  CHECK(fit("abcdef", 6) == "abcdef");
  CHECK(fit("abcdef", 5) == "abcd…");
  CHECK(fit("日本語", 5) == "日本…");
  CHECK(fit("日本語", 4) == "日…");
  CHECK(fit("abc", 0).empty());
}

TEST_CASE("terminal text: a program's output cannot steer the terminal") {
  CHECK(clean_line("plain") == "plain");
  CHECK(clean_line("\x1b[31mred\x1b[0m") == "red");
  CHECK(clean_line("\x1b[2J\x1b[Hgone\x1b]0;title\a!\x1bP1$q\x1b\\.") == "gone!.");
  CHECK(clean_line("a\x07z\x9b"
                   "b") == "a\\x07z\\x9bb");
  CHECK(clean_line("\xc2\x9b"
                   "31m") == "\\xc2\\x9b31m");  // CSI as one C1 character
  CHECK(clean_line("\xe2\x80\xae"
                   "x") == "\\xe2\\x80\\xaex");  // turns the direction of writing
  CHECK(clean_line("unfinished \x1b[12") == "unfinished ");
  CHECK(clean_line("a\tb") == "a       b");
}

TEST_CASE("terminal text: what a carriage return overwrites is gone") {
  CHECK(clean_line("10%\r20%\r30%") == "30%");
  CHECK(clean_line("line\r") == "line");
  CHECK(clean_line("\r\r").empty());
}

TEST_CASE("terminal text: colours that are kept end with the line") {
  CHECK(clean_line("\x1b[1;31mred", Colours::keep) == "\x1b[1;31mred\x1b[0m");
  CHECK(clean_line("\x1b[31mred\x1b[0m", Colours::keep) == "\x1b[31mred\x1b[0m");
  CHECK(clean_line("\x1b[2Jx\x1b[3;1Hy", Colours::keep) == "xy");
}
