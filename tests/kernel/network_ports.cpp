// Published ports against the kernel: who holds one, ranges, random ones, and which sockets serve whom. In a network
// namespace of its own.
#include "base/error.hpp"
#include "linux/namespaces.hpp"
#include "network/endpoint_config.hpp"
#include "network/ports.hpp"
#include "network/records.hpp"
#include "store/records.hpp"
#include "support/catch.hpp"
#include "support/temp.hpp"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstring>

using namespace conductor::network;
namespace linux = conductor::linux;
namespace store = conductor::store;
using linux::Fd;

#define NEEDS_ROOT() \
  if (geteuid() != 0) SKIP_TEST("needs root")

namespace {

// This thread in a namespace whose loopback is up, until the end of the test.
class OwnNetwork {
 public:
  OwnNetwork() : origin_(linux::open_own_namespace("net")) {
    REQUIRE(unshare(CLONE_NEWNET) == 0);
    const Fd any(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    std::memcpy(request.ifr_name, "lo", sizeof "lo");
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    REQUIRE(ioctl(any.get(), SIOCSIFFLAGS, &request) == 0);
    locations.root = directory / "root";
    locations.state = directory / "run";
    locations.instance = "conductor-test";
    getrlimit(RLIMIT_NOFILE, &limit_);
  }
  ~OwnNetwork() {
    linux::enter_namespace(origin_);
    setrlimit(RLIMIT_NOFILE, &limit_);
  }
  OwnNetwork(const OwnNetwork&) = delete;
  OwnNetwork& operator=(const OwnNetwork&) = delete;

  // Ports belong to ids that have a record.
  void record(const std::string& id, const std::string& name) const {
    Endpoint endpoint;
    endpoint.id = id;
    endpoint.config.names = {name};
    records().write(endpoint, false);
  }
  Records records() const { return Records(locations); }

  test::TemporaryDirectory directory;
  store::Locations locations;
  Settings settings;

 private:
  Fd origin_;
  rlimit limit_{};
};

Fd taken(int type, int port, bool v6 = false) {
  Fd fd(socket(v6 ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC, 0));
  int result = 0;
  if (v6) {
    const int on = 1;
    setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(static_cast<std::uint16_t>(port));
    result = bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  } else {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    result = bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
  REQUIRE(result == 0);
  if (type == SOCK_STREAM) REQUIRE(listen(fd.get(), 1) == 0);
  return fd;
}

template <class Call>
std::string refusal(Call&& call) {
  try {
    call();
  } catch (const conductor::base::Error& e) {
    return e.message();
  }
  return {};
}

Publish port(int host, int inside, int count = 1, Protocol protocol = Protocol::tcp, const std::string& ip = {}) {
  return {ip, host, inside, count, protocol, {}};
}

}  // namespace

TEST_CASE("a port that is taken is refused, with the name of its holder") {
  NEEDS_ROOT();
  OwnNetwork network;
  const auto records = network.records();
  const std::string own = "(pid " + std::to_string(getpid()) + ")";
  const Fd tcp = taken(SOCK_STREAM, 7001), udp = taken(SOCK_DGRAM, 7002), six = taken(SOCK_STREAM, 7003, true);
  network.record("a", "shop");
  for (const auto& wanted : {port(7001, 80), port(7002, 80, 1, Protocol::udp), port(7003, 80), port(6990, 80, 20)}) {
    CHECK_THAT(refusal([&] { require_free_ports(network.settings, records, {wanted}); }), Contains(own));
    CHECK_THAT(refusal([&] { take_ports(network.settings, records, "a", {port(7100, 80), wanted}); }), Contains(own));
  }
  CHECK(refusal([&] {
          require_free_ports(network.settings, records, {port(7002, 80), port(7001, 80, 1, Protocol::udp)});
        }).empty());
  CHECK(store::list_directory(records.ports()).empty());  // nothing was taken
}

TEST_CASE("of a range the first port that is free is taken, and kept") {
  NEEDS_ROOT();
  OwnNetwork network;
  const auto records = network.records();
  network.record("a", "shop"), network.record("b", "other");
  const Fd held = taken(SOCK_STREAM, 8000);
  Publish range = port(8000, 80);
  range.last_host_port = 8003;
  const auto take = [&](const std::string& id, const std::vector<Publish>& publish) {
    return take_ports(network.settings, records, id, publish);
  };
  const auto first = take("a", {range});
  REQUIRE(first.size() == 1);
  CHECK(first.front() == port(8001, 80));
  Publish other = range;
  other.container_port = 81;
  const auto both = take("b", {port(8002, 79), range});
  CHECK(both.back() == port(8003, 80));
  CHECK_THAT(refusal([&] { take("b", {port(8002, 79), port(8003, 80), other}); }),
             Contains("none of the ports 8000 to 8003 is free"));
  CHECK(refusal([&] { validate_ports({port(8003, 1), range, range}); }).empty());
  range.last_host_port = 7999;
  CHECK_THAT(refusal([&] { validate_ports({range}); }), Contains("8000 to 7999"));

  std::vector<Publish> again{other};
  keep_chosen_ports(again, {port(8002, 81)});
  CHECK(again.front() == port(8002, 81));
  again = {other};
  keep_chosen_ports(again, {port(9000, 81)});  // no more in the range
  CHECK(again.front() == other);
}

TEST_CASE("a port of another container is refused by that one's name") {
  NEEDS_ROOT();
  OwnNetwork network;
  const auto records = network.records();
  network.record("a", "shop");
  network.record("b", "other");
  take_ports(network.settings, records, "a", {port(7001, 80, 3)});
  CHECK_THAT(refusal([&] { take_ports(network.settings, records, "b", {port(7003, 80)}); }),
             Contains("container shop"));
  CHECK_THAT(refusal([&] { take_ports(network.settings, records, "b", {port(7003, 80, 1, Protocol::tcp, "::1")}); }),
             Contains("container shop"));
  CHECK(refusal([&] { take_ports(network.settings, records, "a", {port(7001, 80, 3)}); }).empty());  // again
  give_back_ports(records, "a", {port(7001, 80, 3)});
  CHECK(refusal([&] { take_ports(network.settings, records, "b", {port(7003, 80)}); }).empty());
}

TEST_CASE("a thousand ports in a row are taken, listened on and given back within a second") {
  NEEDS_ROOT();
  OwnNetwork network;
  const auto records = network.records();
  network.record("a", "shop");
  const auto begin = std::chrono::steady_clock::now();
  const auto publish = take_ports(network.settings, records, "a", {port(20000, 20000, 1000)});
  const auto listeners = open_listeners(network.settings, publish);
  give_back_ports(records, "a", publish);
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(1));
  CHECK(listeners.size() == 2000);
  CHECK(store::list_directory(records.ports()).empty());
}

TEST_CASE("free ports are found, for ranges too") {
  NEEDS_ROOT();
  OwnNetwork network;
  const auto records = network.records();
  network.record("a", "shop");
  const auto chosen = take_ports(network.settings, records, "a", {port(0, 80), port(0, 8000, 50, Protocol::any)});
  CHECK(chosen[0].host_port > 0);
  CHECK(chosen[1].host_port > 0);
  CHECK(open_listeners(network.settings, chosen).size() == 2 * (1 + 2 * 50));
  CHECK(store::list_directory(records.ports()).size() == 1 + 2);
}

TEST_CASE("what comes from elsewhere to an address of the host finds no socket") {
  NEEDS_ROOT();
  OwnNetwork network;
  const auto listeners = open_listeners(network.settings, {port(7001, 80, 1, Protocol::any)});
  REQUIRE(listeners.size() == 4);
  for (const auto& listener : listeners) {
    char name[IFNAMSIZ] = {};
    socklen_t size = sizeof name;
    REQUIRE(getsockopt(listener.socket.get(), SOL_SOCKET, SO_BINDTODEVICE, name, &size) == 0);
    CHECK(std::string(name) == "lo");
  }
}

TEST_CASE("a port for loopback alone leaves the other addresses free") {
  NEEDS_ROOT();
  OwnNetwork network;
  const auto records = network.records();
  network.record("a", "shop");
  Publish narrow = port(7001, 80);
  narrow.scope = PublishScope::loopback;
  const auto chosen = take_ports(network.settings, records, "a", {narrow});
  CHECK(store::list_directory(records.ports()) == std::vector<std::string>{"tcp-7001-127.0.0.1", "tcp-7001-::1"});
  CHECK(open_listeners(network.settings, chosen).size() == 2);
  give_back_ports(records, "a", chosen);
  CHECK(store::list_directory(records.ports()).empty());
}
