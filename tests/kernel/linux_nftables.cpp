// Tables as text: what surrounds the library that reads them.
#include "linux/nftables.hpp"
#include "linux_net_rig.hpp"
#include "support/catch.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/select.h>

#include <vector>

using namespace test;
namespace linux = conductor::linux;

TEST_CASE("a table is made while more descriptors are open than select(2) knows") {
  if (!can_make_network_spaces()) SKIP_TEST("needs root and network namespaces");
  rlimit limit{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  const rlimit before = limit;
  if (limit.rlim_max < FD_SETSIZE + 64) SKIP_TEST("the limit of open files is below what select(2) knows");
  limit.rlim_cur = FD_SETSIZE + 64;
  REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  const Fd space = make_network_space();
  {
    std::vector<Fd> open;
    while (open.empty() || open.back().get() < FD_SETSIZE) {
      open.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
      REQUIRE(open.back());
    }
    inside(space, [] {
      linux::run_nft("add table inet many\nadd chain inet many c\n");
      CHECK(linux::list_nft_table("inet", "many").find("chain c") != std::string::npos);
    });
    CHECK(::fcntl(open.front().get(), F_GETFD) == FD_CLOEXEC);  // still ours, and open
    CHECK_THROWS_WITH(linux::run_nft("no such word\n"), Catch::Contains("syntax error"));
  }
  CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
}
