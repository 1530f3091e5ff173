// What an endpoint finds inside, what it leaves behind, and what happens between.
#include "base/text.hpp"
#include "linux/namespaces.hpp"
#include "linux/nftables.hpp"
#include "network/records.hpp"
#include "network_rig.hpp"
#include "store/records.hpp"
#include "support/catch.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

namespace network = conductor::network;
namespace linux = conductor::linux;
namespace store = conductor::store;
using test::Outcome;
using test::Rig;

namespace {

network::EndpointConfig linked_to(const std::string& peer, int port = 8080) {
  network::EndpointConfig config;
  network::Link link;
  link.peer = peer;
  link.first_port = port;
  config.links = {link};
  return config;
}

network::EndpointConfig publishing(int host_port, const std::string& host_ip = {}) {
  network::EndpointConfig config;
  network::Publish p;
  p.host_ip = host_ip;
  p.host_port = host_port;
  p.container_port = 8080;
  config.publish = {p};
  return config;
}

ino_t inode_of(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

}  // namespace

TEST_CASE("both ends of a veth are as designed") {
  NEEDS_NAMESPACES();
  Rig rig;
  rig.start("a");
  const std::string name = rig.network().find("a")->interface;
  for (const char* setting : {"forwarding", "rp_filter", "src_valid_mark"})
    CHECK(test::read_setting(name, setting) == "1");
  CHECK(test::read_setting(name, "route_localnet") == "0");
  const auto link = linux::Netlink().link(name);
  REQUIRE(link);
  CHECK(link->mtu == 1400);  // the uplink's
  CHECK(link->group == rig.settings().interface_group);
  const auto ipv6 = [](const std::string& interface, const char* setting) {
    const auto text = linux::try_read_file("/proc/sys/net/ipv6/conf/" + interface + "/" + setting);
    return text ? std::string(conductor::base::trim(*text)) : std::string("none");
  };
  const bool has_ipv6 = ipv6("all", "disable_ipv6") != "none";
  const std::string off = rig.ipv6() ? "0" : "1";
  if (has_ipv6) {
    CHECK(ipv6(name, "disable_ipv6") == off);
    CHECK(ipv6(name, "accept_ra") == "0");
    CHECK(ipv6("all", "forwarding") == "0");
  }
  linux::in_network_namespace(rig.space("a"), [&] {
    linux::Netlink inside;
    CHECK(inside.link("eth0")->mtu == 1400);
    CHECK(inside.link("lo")->up);
    // To the host, nothing else.
    for (const auto& route : inside.routes()) {
      const auto to = linux::to_text(route.destination);
      if (to != test::host_to_endpoints && to != rig.address6("a")) CHECK(to == rig.host6());
    }
    if (has_ipv6) {
      CHECK(ipv6("eth0", "disable_ipv6") == off);
      CHECK(ipv6("eth0", "accept_ra") == "0");
    }
  });
  // No address but those given: none of the link's own.
  for (const auto& space : {&rig.host(), &rig.space("a")})
    linux::in_network_namespace(*space, [&] {
      const auto own = linux::Netlink().link(space == &rig.host() ? name : "eth0")->index;
      for (const auto& address : linux::Netlink().addresses())
        if (address.interface == own) CHECK_FALSE(linux::to_text(address.address).starts_with("fe80"));
    });
}

TEST_CASE("addresses are not used again at once, and given up with the endpoint") {
  NEEDS_NAMESPACES();
  Rig rig;
  const auto first = rig.network().reserve("a", {});
  CHECK(rig.network().reserve("a", {}).address == first.address);  // the same id keeps its own
  const auto second = rig.network().reserve("b", {});
  CHECK(second.address != first.address);
  rig.network().forget("a");
  CHECK_FALSE(rig.network().find("a"));
  CHECK(rig.network().reserve("c", {}).address != first.address);
  rig.network().forget("b");
  rig.network().forget("c");
  rig.network().forget("c");
  CHECK(store::list_directory(rig.locations().network() + "/addresses").empty());
  CHECK(rig.network().list().empty());
}

TEST_CASE("hosts files follow peers and keep their inode") {
  NEEDS_NAMESPACES();
  Rig rig;
  const std::string place = rig.path("files");
  store::make_directory(place);
  rig.network().reserve("a", linked_to("b"));
  rig.network().write_files("a", place);
  const auto inode = inode_of(place + "/hosts");
  CHECK_THAT(linux::read_file(place + "/resolv.conf"), Contains("no internet"));
  CHECK_THAT(linux::read_file(place + "/hosts"), !Contains("\tb\n"));
  rig.restart("a");
  rig.start("b");
  CHECK_THAT(linux::read_file(place + "/hosts"), Contains(rig.address("b") + "\tb\n"));
  rig.stop("b");
  rig.network().forget("b");
  CHECK_THAT(linux::read_file(place + "/hosts"), !Contains("\tb\n"));
  rig.network().reconfigure("a", {});
  CHECK(inode_of(place + "/hosts") == inode);
}

TEST_CASE("a published port that is taken is refused with the name of its holder") {
  NEEDS_NAMESPACES();
  Rig rig;
  rig.serve(rig.host(), 3000);
  CHECK_THROWS_WITH(rig.network().reserve("a", publishing(3000)),
                    Contains("port 3000/tcp is in use by kernel_network (pid " + std::to_string(::getpid()) + ")"));
  CHECK_FALSE(rig.network().find("a"));
  CHECK(store::list_directory(rig.locations().network() + "/addresses").empty());

  auto config = publishing(3001);
  config.names = {"web"};
  rig.network().reserve("a", config);
  CHECK_THROWS_WITH(rig.network().reserve("b", publishing(3001)),
                    Contains("port 3001/tcp is published by container web"));
  CHECK_THROWS_WITH(rig.network().reserve("b", publishing(3001, "127.0.0.1")), Contains("published by container web"));
  CHECK_THROWS_WITH(rig.network().reserve("b", publishing(3002, "192.0.2.77")), Contains("no such address"));
  rig.network().forget("a");
  CHECK_NOTHROW(rig.network().reserve("b", publishing(3001)));
  rig.network().forget("b");
  CHECK(store::list_directory(rig.locations().network() + "/ports").empty());
}

TEST_CASE("a host port is chosen when none is named, and kept") {
  NEEDS_NAMESPACES();
  Rig rig;
  const auto endpoint = rig.network().reserve("a", publishing(0));
  const int port = endpoint.config.publish.front().host_port;
  CHECK(port > 0);
  CHECK(rig.network().reserve("a", publishing(0)).config.publish.front().host_port == port);
  const auto listeners = rig.network().listen(endpoint);
  REQUIRE_FALSE(listeners.empty());
  CHECK(listeners.front().container_port == 8080);
  CHECK(rig.connect(rig.host(), "127.0.0.1", port) == Outcome::connected);
}

TEST_CASE("a stopped endpoint gives its port to others and takes it back when it is free") {
  NEEDS_NAMESPACES();
  Rig rig;
  const auto a = rig.start("a", publishing(3000));
  CHECK_THROWS(rig.network().reserve("b", publishing(3000)));
  rig.stop("a");
  CHECK_NOTHROW(rig.network().reserve("b", publishing(3000)));
  CHECK_THROWS_WITH(rig.network().listen(a), Contains("published by container"));
  rig.network().forget("b");
  CHECK_NOTHROW(rig.network().listen(a));
}

TEST_CASE("many endpoints attached at the same time see each other") {
  NEEDS_NAMESPACES();
  Rig rig;
  constexpr int count = 8;
  std::vector<linux::Fd> spaces;
  for (int i = 0; i < count; ++i) spaces.push_back(test::make_network_namespace());
  const auto number = [](const std::string& id) { return static_cast<std::size_t>(std::stoi(id)); };
  network::Network shared(rig.locations(), [&](const std::string& id) { return spaces[number(id)].duplicate(); });
  for (int i = 0; i < count; ++i) {
    auto config = linked_to("all");
    config.names = {"n" + std::to_string(i)};
    config.groups = {"all"};
    shared.reserve(std::to_string(i), config);
  }
  std::vector<std::string> failures(count);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < count; ++i)
    threads.emplace_back([&, i] {
      try {
        shared.attach(std::to_string(i), spaces[i]);
      } catch (const std::exception& e) {
        failures[i] = e.what();
      }
    });
  for (auto& thread : threads) thread.join();
  for (const auto& failure : failures) CHECK(failure == "");
  for (std::size_t i = 0; i < count; ++i) rig.serve(spaces[i], 8080);
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t j = 0; j < count; ++j)
      if (i != j) {
        const auto to = linux::to_text(shared.find(std::to_string(j))->address);
        CHECK(rig.connect(spaces[i], to, 8080) == Outcome::connected);
      }
  for (int i = 0; i < count; ++i) shared.detach(std::to_string(i));
  CHECK_FALSE(linux::nft_table_exists("inet", "conductor"));
}

TEST_CASE("a detach that was cut short is finished by the next one") {
  NEEDS_NAMESPACES();
  Rig rig;
  const auto before = rig.census();
  rig.start("b");
  rig.start("a", linked_to("b"));
  rig.serve("b", 8080);
  REQUIRE(rig.connect("a", "b", 8080) == Outcome::connected);
  // As if killed after the elements went: they are absent, the endpoint still counts as attached.
  linux::run_nft("flush set inet conductor links; flush set inet conductor linked");
  rig.stop("a");
  CHECK(linux::nft_table_exists("inet", "conductor"));
  linux::run_nft("delete table inet conductor");
  rig.stop("b");
  CHECK(rig.census() == before);
}

TEST_CASE("a failed attach leaves nothing") {
  NEEDS_NAMESPACES();
  Rig rig;
  const auto before = rig.census();
  rig.network().reserve("a", {});
  const linux::Fd no_namespace = linux::open_file("/dev/null", O_RDONLY);
  CHECK_THROWS(rig.network().attach("a", no_namespace));
  CHECK(rig.census() == before);
  CHECK(rig.network().find("a")->interface == "");
}

TEST_CASE("repair removes a table that nobody needs") {
  NEEDS_NAMESPACES();
  Rig rig;
  linux::run_nft("add table inet conductor");
  rig.network().repair();
  CHECK_FALSE(linux::nft_table_exists("inet", "conductor"));
}

TEST_CASE("repair finishes taking away what nobody needs, with the table or without") {
  NEEDS_NAMESPACES();
  Rig rig;
  const auto before = rig.census();
  rig.start("a");
  const auto interface = rig.network().find("a")->interface;
  network::Records(rig.locations()).clear_attached("a");
  linux::run_nft("delete table inet conductor");  // as by a command that was killed before it took away the rest
  rig.drop_space("a");
  rig.network().repair();
  REQUIRE(linux::Netlink().wait_gone(interface, 5000));
  CHECK(rig.census() == before);
}

TEST_CASE("one whose record is lost is taken out of the table all the same") {
  NEEDS_NAMESPACES();
  Rig rig;
  const auto before = rig.census();
  rig.start("b");
  rig.start("a", linked_to("b"));
  const auto interface = rig.network().find("a")->interface;
  REQUIRE(store::remove_file(rig.locations().network() + "/endpoints/a.json"));
  rig.drop_space("a");
  rig.network().detach("a");
  REQUIRE(linux::Netlink().wait_gone(interface, 5000));
  CHECK_THAT(linux::list_nft_table("inet", "conductor"), !Contains(rig.address("b") + " . "));
  rig.stop("b");
  CHECK(rig.census() == before);
}

TEST_CASE("a damaged record is left out, everything else works") {
  NEEDS_NAMESPACES();
  Rig rig;
  rig.start("b");
  rig.network().reserve("x", {});
  store::write_file_atomically(rig.locations().network() + "/endpoints/x.json", "{\"id\":", false);
  rig.start("a", linked_to("b"));
  rig.serve("b", 8080);
  CHECK(rig.connect("a", "b", 8080) == Outcome::connected);
  CHECK(rig.network().list().size() == 2);
  CHECK_NOTHROW(rig.network().reserve("x", {}));  // written anew
  CHECK(rig.network().list().size() == 3);
}

TEST_CASE("an endpoint with internet may ask a name server that runs on the host, and nothing else there") {
  NEEDS_NAMESPACES();
  const auto servers = network::host_name_servers();
  if (servers.empty()) SKIP_TEST("this host has no name server");
  Rig rig;
  linux::Netlink netlink;
  netlink.add_address(netlink.link("lo")->index, *linux::parse_ipv4(servers.front()), 32);
  netlink.send();
  network::EndpointConfig config;
  config.internet = true;
  rig.start("a", config);
  rig.start("b", publishing(3000));  // a default route, but no internet
  rig.serve(rig.host(), 53);
  rig.serve(rig.host(), 54);
  CHECK(rig.connect(rig.space("a"), servers.front(), 53) == Outcome::connected);
  CHECK(rig.connect(rig.space("a"), servers.front(), 54) == Outcome::refused);
  CHECK(rig.connect(rig.space("a"), test::host_on_uplink, 53) == Outcome::refused);
  CHECK(rig.connect(rig.space("b"), servers.front(), 53) == Outcome::refused);
}
