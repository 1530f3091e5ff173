// --chmod.
#include "base/error.hpp"
#include "builder/modes.hpp"
#include "support/catch.hpp"

using namespace conductor;
using builder::ModeChange;

TEST_CASE("what --chmod makes of a mode") {
  struct Row {
    const char* change;
    mode_t before;
    bool directory;
    mode_t after;
  };
  const std::vector<Row> rows{
      {"755", 0600, false, 0755},
      {"0644", 0777, true, 0644},
      {"4755", 0, false, 04755},
      {"1777", 0, true, 01777},
      {"7777", 0, false, 07777},
      {"0", 0777, false, 0},
      {"00000755", 0, false, 0755},
      {"+x", 0644, false, 0755},
      {"+w", 0444, false, 0644},  // a umask of 022
      {"-w", 0666, false, 0466},
      {"=r", 0777, false, 0444},
      {"=", 0777, false, 0},
      {"a=", 0777, false, 0},
      {"a+rwx", 0, false, 0777},
      {"ugo+w", 0444, false, 0666},
      {"u+x", 0644, false, 0744},
      {"go-rwx", 0755, true, 0700},
      {"o=", 0755, false, 0750},
      {"u=rwX,go=rX", 0644, false, 0644},
      {"u=rwX,go=rX", 0744, false, 0755},
      {"u=rwX,go=rX", 0700, true, 0755},
      {"a+X", 0644, false, 0644},
      {"a+X", 0644, true, 0755},
      {"a+X", 0654, false, 0755},
      {"g=u", 0640, false, 0660},
      {"go=u", 0750, false, 0777},
      {"o+g", 0640, false, 0644},
      {"u-o", 0757, false, 0057},
      {"u+s", 0755, false, 04755},
      {"g+s", 0755, true, 02755},
      {"ug+s", 0755, false, 06755},
      {"+s", 0755, false, 06755},
      {"o+s", 0755, false, 0755},
      {"+t", 0777, true, 01777},
      {"o+t", 0777, true, 01777},
      {"u+t", 0777, true, 0777},
      {"a-s", 06755, false, 0755},
      {"u=rwxs", 0644, false, 04744},
      {"u+r-x", 0300, false, 0600},
      {"u+x,g+w,o-r", 0644, false, 0760},
      {"a=rx,u+w", 0, false, 0755},
      {"g=rx", 02775, true, 02755},  // a directory keeps what is not named
      {"g=rx", 02775, false, 0755},
      {"g-s", 02775, true, 0775},
      {"g=rxs", 0775, true, 02755},
      {"u+", 0640, false, 0640},
  };
  for (const auto& row : rows) {
    INFO(row.change << " on " << std::oct << row.before << (row.directory ? " directory" : " file"));
    CHECK(ModeChange::parse(row.change).apply(row.before, row.directory) == row.after);
  }
}

TEST_CASE("what is no mode") {
  for (const char* wrong : {"8", "10000", "0x1ff", "rwx", "u", "+y", "u=r,", ",u=r", "u=rg", "u=ugo", "u+r g+w", " 755",
                            "755 ", "-1", "z+r", "u:r", "+755x"}) {
    INFO(wrong);
    CHECK_THROWS_WITH(ModeChange::parse(wrong), Contains("--chmod takes a mode"));
  }
}

TEST_CASE("the same octal mode has one text") {
  CHECK(ModeChange::parse("0755").text() == ModeChange::parse("755").text());
  CHECK(ModeChange::parse("u=rwX").text() == "u=rwX");
}
