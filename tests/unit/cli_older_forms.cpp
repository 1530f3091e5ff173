#include "cli/older_forms.hpp"
#include "support/catch.hpp"

using namespace conductor;

using Words = std::vector<std::string>;

TEST_CASE("older run: IMAGE NAME -- words, only without --name") {
  const auto run = cli::older_run({"img", "c", "--", "printf", "%s|", "a b", "$x"}, false);
  REQUIRE(run);
  CHECK(run->image == "img");
  CHECK(run->name == "c");
  CHECK(run->command == Words{"printf", "%s|", "a b", "$x"});
  CHECK(cli::older_run({"img", "c", "--"}, false)->command == Words{"/bin/bash"});
  CHECK_FALSE(cli::older_run({"img", "c", "--"}, true));
  CHECK_FALSE(cli::older_run({"img", "c"}, false));
  CHECK_FALSE(cli::older_run({"img", "ls", "-l", "--"}, false));
}

TEST_CASE("older build: NAME [FILE], unless it is a context") {
  const auto is_directory = [](const std::string& path) { return path == "context"; };
  CHECK(cli::older_build({"counter"}, false, is_directory)->name == "counter");
  CHECK(cli::older_build({"counter", "Other.file"}, false, is_directory)->file == "Other.file");
  CHECK_FALSE(cli::older_build({"context"}, false, is_directory));
  CHECK_FALSE(cli::older_build({"counter"}, true, is_directory));
  CHECK_FALSE(cli::older_build({"./typo"}, false, is_directory));
  CHECK_FALSE(cli::older_build({"."}, false, is_directory));
}

TEST_CASE("exec: with and without --, and the default command") {
  CHECK(cli::exec_words({"c", "ls", "--", "x"}).command == Words{"ls", "--", "x"});
  CHECK_FALSE(cli::exec_words({"c", "ls"}).older);
  CHECK(cli::exec_words({"c", "--", "ls", "-l"}).command == Words{"ls", "-l"});
  CHECK(cli::exec_words({"c"}).command == Words{"/bin/bash"});
  CHECK(cli::exec_words({"c", "--"}).command == Words{"/bin/bash"});
}

TEST_CASE("addnetwork -e: CONTAINERPORT-HOSTPORT, and nothing else") {
  CHECK(cli::older_expose("8080-3000").container_port == 8080);
  CHECK(cli::older_expose("8080-3000").host_port == 3000);
  for (const char* bad : {"", "8080", "8080-", "-3000", "0-1", "1-65536", "8080:3000", "a-b", "1-2-3", "+1-2", " 1-2"})
    CHECK_THROWS_WITH(cli::older_expose(bad), Contains("CONTAINERPORT-HOSTPORT"));
}
