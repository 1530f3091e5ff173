// What is believed of what comes from outside.
#include "base/error.hpp"
#include "linux/fd.hpp"
#include "support/catch.hpp"
#include "transfer/helper.hpp"
#include "transfer/transfer.hpp"

#include <cstring>

using namespace conductor;

namespace {

bool is_archive(const std::string& bytes) {
  const linux::Fd file = linux::make_memory_file("archive", bytes);
  return transfer::is_archive(file.get());
}

std::string header(const std::string& checksum) {
  std::string block(512, '\0');
  block.replace(0, 4, "name");
  block.replace(148, 8, checksum);
  return block;
}

}  // namespace

TEST_CASE("a name from a server is one harmless component") {
  CHECK(transfer::safe_name("a.tar.gz") == "a.tar.gz");
  CHECK(transfer::safe_name("../../etc/passwd") == "passwd");
  CHECK(transfer::safe_name("C:\\dir\\a.txt") == "a.txt");
  CHECK(transfer::safe_name("..").empty());
  CHECK(transfer::safe_name("a/.").empty());
  CHECK(transfer::safe_name("a/").empty());
  CHECK(transfer::safe_name(std::string("a\0b\x1b[1m\n", 8)) == "ab[1m");
  CHECK(transfer::safe_name(std::string(300, 'x')).size() == 255);
}

TEST_CASE("an archive is known by its first header's sum") {
  // 'n' + 'a' + 'm' + 'e' and eight blanks: 0110 + 0097 + 0109 + 0101 + 256 = 673 = 01241 in octal
  CHECK(is_archive(header(std::string("001241\0 ", 8))));
  CHECK(is_archive(header("  1241  ")));
  CHECK_FALSE(is_archive(header(std::string("001242\0 ", 8))));
  CHECK_FALSE(is_archive(header(std::string(8, '\0'))));
  CHECK_FALSE(is_archive(header(std::string("001241\0 ", 8)).substr(0, 511)));
  CHECK_FALSE(is_archive(std::string(1024, '\0')));
  CHECK_FALSE(is_archive("FROM scratch\n"));
  CHECK_FALSE(is_archive(""));
}

TEST_CASE("the offset of a file that is looked at stays") {
  const linux::Fd file = linux::make_memory_file("archive", header(std::string("001241\0 ", 8)));
  CHECK(transfer::is_archive(file.get()));
  CHECK(linux::read_all(file.get()).size() == 512);
}

TEST_CASE("the program is found where it is named") {
  setenv("CONDUCTOR_TRANSFER", "/some/where", 1);
  CHECK(transfer::transfer_program() == "/some/where");
  unsetenv("CONDUCTOR_TRANSFER");
}
