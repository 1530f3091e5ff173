// PacketGuard: what comes from a range reaches sockets of this host only with the mark, or where a socket asks for it.
#include "linux/nftables.hpp"
#include "linux/packet_guard.hpp"
#include "linux_net_rig.hpp"
#include "support/catch.hpp"

using namespace test;
namespace linux = conductor::linux;

namespace {

constexpr int port = 5354;
constexpr int quiet_ms = 100;
constexpr std::uint32_t mark = 0x10000;

const linux::PacketGuard guard4{*linux::parse_prefix("10.9.0.0/24"), mark};
const linux::PacketGuard guard6{*linux::parse_prefix("fd09::/64"), mark};

bool arrives(const Pair& pair, const IpAddress& from, const IpAddress& to, bool exempt = false) {
  Fd server;
  inside(pair.here, [&] { server = udp_socket(to, port); });
  if (exempt) linux::exempt_from_packet_guard(server.get(), to.v6);
  inside(pair.there, [&] { send_to(udp_socket(from, 0), to, port); });
  return !receive_within(server, quiet_ms).empty();
}
bool arrives4(const Pair& pair, bool exempt = false) { return arrives(pair, ip("10.9.0.2"), ip("10.9.0.1"), exempt); }
bool arrives6(const Pair& pair, bool exempt = false) { return arrives(pair, ip("fd09::2"), ip("fd09::1"), exempt); }

}  // namespace

TEST_CASE("the guard blocks without the mark and lets through with it, in both families") {
  if (!can_make_network_spaces()) SKIP_TEST("needs root and network namespaces");
  const Pair pair;
  CHECK(arrives4(pair));
  CHECK(arrives6(pair));
  inside(pair.here, [&] {
    linux::add_packet_guards({guard4, guard6});
    linux::add_packet_guards({guard4, guard6});  // present is fine
    CHECK(linux::packet_guard_stands(guard4));
    CHECK(linux::packet_guard_stands(guard6));
  });
  CHECK_FALSE(arrives4(pair));
  CHECK_FALSE(arrives6(pair));
  CHECK(arrives4(pair, true));
  CHECK(arrives6(pair, true));
  inside(pair.here, [&] {
    linux::run_nft(
        "table inet t { chain c { type filter hook prerouting priority -99; iifname \"h0\" meta mark set meta mark or "
        "0x10000; }\n}\n");
  });
  CHECK(arrives4(pair));
  CHECK(arrives6(pair));
}

TEST_CASE("a removed guard is gone, and half of one does not stand") {
  if (!can_make_network_spaces()) SKIP_TEST("needs root and network namespaces");
  const Pair pair;
  inside(pair.here, [&] {
    CHECK_FALSE(linux::packet_guard_stands(guard4));
    linux::add_packet_guards({guard4, guard6});
    linux::remove_packet_guards({guard4});
    linux::remove_packet_guards({guard4});  // absent is fine
    CHECK_FALSE(linux::packet_guard_stands(guard4));
    CHECK(linux::packet_guard_stands(guard6));
    CHECK_FALSE(linux::packet_guard_stands({guard6.range, 0x20000}));
  });
  CHECK(arrives4(pair));
  CHECK_FALSE(arrives6(pair));
}
