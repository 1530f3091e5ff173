// How fast containers talk to each other, beside two namespaces on a plain bridge in the same run: bench/network starts
// it. Only ratios of one run count; nothing is asserted but that it ran.
#include "linux/namespaces.hpp"
#include "network_rig.hpp"
#include "network_rig_host.hpp"
#include "network_rig_probes.hpp"
#include "support/catch.hpp"

#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <functional>
#include <stdexcept>
#include <thread>
#include <vector>

namespace network = conductor::network;
namespace linux = conductor::linux;
using Clock = std::chrono::steady_clock;
using test::Fd;
using test::Rig;
using test::SocketAddress;

namespace {

constexpr auto span = std::chrono::milliseconds(400);
constexpr int rounds = 7;
constexpr int port = 8001;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }
double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// From one namespace to an address of another.
struct Path {
  const Fd* from = nullptr;
  const Fd* to = nullptr;
  std::string address;
};

Fd listener(const Fd& space) {
  Fd socket;
  linux::in_network_namespace(space, [&] {
    socket = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const SocketAddress any("0.0.0.0", port);
    if (::bind(socket.get(), any.generic(), any.size()) != 0 || ::listen(socket.get(), 128) != 0)
      throw std::runtime_error("no listener");
  });
  return socket;
}

Fd connected(const Path& path) {
  const SocketAddress target(path.address, port);
  Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(socket.get(), target.generic(), target.size()) != 0) throw std::runtime_error("no connection");
  return socket;
}

// One after the other, each closed with a reset.
double connections_per_second(const Path& path) {
  const Fd server = listener(*path.to);
  double count = 0, elapsed = 0;
  linux::in_network_namespace(*path.from, [&] {
    const auto start = Clock::now();
    for (; Clock::now() - start < span; ++count) {
      const Fd client = connected(path);
      const Fd accepted(::accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC));
      const linger reset{1, 0};
      ::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    }
    elapsed = seconds_since(start);
  });
  return count / elapsed;
}

// `back`: the data goes from the one that was connected to.
double gigabits_per_second(const Path& path, bool back = false) {
  const Fd server = listener(*path.to);
  Fd client;
  linux::in_network_namespace(*path.from, [&] { client = connected(path); });
  const Fd accepted(::accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC));
  const int sender = back ? accepted.get() : client.get(), reader = back ? client.get() : accepted.get();
  const auto start = Clock::now();
  std::thread sending([&] {
    const std::vector<char> block(1 << 17);
    while (Clock::now() - start < span && ::send(sender, block.data(), block.size(), MSG_NOSIGNAL) > 0) {
    }
    ::shutdown(sender, SHUT_WR);
  });
  std::vector<char> block(1 << 17);
  double bytes = 0;
  for (ssize_t n = 0; (n = ::recv(reader, block.data(), block.size(), 0)) > 0;) bytes += static_cast<double>(n);
  const double elapsed = seconds_since(start);
  sending.join();
  return bytes * 8 / elapsed / 1e9;
}

// Two namespaces on a bridge of the rig's host.
struct Bridge {
  Bridge() {
    test::output_of({"ip", "link", "add", "br0", "type", "bridge"});
    test::output_of({"ip", "link", "set", "br0", "up"});
    for (int i = 0; i < 2; ++i) {
      spaces.push_back(test::make_network_namespace());
      const std::string name = "port" + std::to_string(i);
      const auto number = static_cast<char>(i);
      linux::Netlink netlink;
      netlink.add_veth({name, std::string("\x02\0\0\0\2", 5) + number}, 0, 1400, spaces.back(),
                       {"eth0", std::string("\x02\0\0\0\3", 5) + number});
      netlink.send();
      test::output_of({"ip", "link", "set", name, "master", "br0", "up"});
      linux::in_network_namespace(spaces.back(), [&] {
        linux::Netlink inner;
        const int index = inner.link("eth0")->index;
        inner.set_link_up(index);
        inner.add_address(index, *linux::parse_ipv4("192.0.2." + std::to_string(i + 1)), 24);
        inner.send();
        inner.wait_operational("eth0", 5000);
      });
      linux::Netlink().wait_operational(name, 5000);
    }
  }
  Path path() const { return {&spaces[0], &spaces[1], "192.0.2.2"}; }
  std::vector<Fd> spaces;
};

// Both in turn, so that what else the machine does falls on both.
void compare(const char* what, const char* unit, const std::function<double()>& base,
             const std::function<double()>& ours) {
  std::vector<double> first, second;
  base(), ours();
  for (int i = 0; i < rounds; ++i) first.push_back(base()), second.push_back(ours());
  std::printf("  %-44s %10.1f %s  beside %10.1f   ratio %.2f\n", what, median(second), unit, median(first),
              median(second) / median(first));
}

// Links to every second port, so that none of them become one range.
network::EndpointConfig with_links(int count) {
  network::EndpointConfig config;
  config.names = {"from"};
  for (int i = 0; i < count; ++i) {
    network::Link link;
    link.peer = "to";
    link.protocol = network::Protocol::tcp;
    link.first_port = port + 2 * i;
    config.links.push_back(link);
  }
  return config;
}

network::EndpointConfig with_published(int count) {
  network::EndpointConfig config;
  for (int i = 0; i < count; ++i) {
    network::Publish publish;
    publish.host_port = 20001 + 2 * i;
    publish.container_port = port;
    config.publish.push_back(publish);
  }
  return config;
}

}  // namespace

TEST_CASE("links beside a bridge", "[.bench]") {
  NEEDS_NAMESPACES();
  Rig rig;
  const Bridge bridge;
  rig.start("to");
  rig.start("from", with_links(10));
  const Path path{&rig.space("from"), &rig.space("to"), rig.address("to")};
  std::printf("container to container, beside a bridge without any rules:\n");
  const auto both = [&](const std::string& elements) {
    compare(("connections, " + elements).c_str(), "/s    ", [&] { return connections_per_second(bridge.path()); },
            [&] { return connections_per_second(path); });
    compare(("throughput, " + elements).c_str(), "Gbit/s", [&] { return gigabits_per_second(bridge.path()); },
            [&] { return gigabits_per_second(path); });
  };
  both("10 links");
  rig.network().reconfigure("from", with_links(10000));
  rig.start("published", with_published(1000));
  both("10,000 links and 1,000 published ports");
}

TEST_CASE("the packet guard", "[.bench]") {
  NEEDS_NAMESPACES();
  Rig rig;
  rig.start("to");
  const Path path{&rig.host(), &rig.space("to"), rig.address("to")};
  std::printf("host to container, with the guard beside without:\n");
  const auto without = [&](const auto& measure) {
    test::output_of({"ip", "xfrm", "policy", "flush"});
    const double value = measure();
    rig.network().repair();
    return value;
  };
  const auto connections = [&] { return connections_per_second(path); };
  const auto data = [&] { return gigabits_per_second(path, true); };
  compare("connections", "/s    ", [&] { return without(connections); }, connections);
  compare("throughput towards the host", "Gbit/s", [&] { return without(data); }, data);
}

TEST_CASE("attaching", "[.bench]") {
  NEEDS_NAMESPACES();
  constexpr int count = 1000, sample = 30;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  Rig rig;
  std::vector<double> few, many;
  std::printf("attaching an endpoint that has two links:\n");
  for (int i = 0; i < count + sample; ++i) {
    network::EndpointConfig config;
    config.names = {"n" + std::to_string(i)};
    for (const int back : {1, 2}) {
      network::Link link;
      link.peer = "n" + std::to_string(i - back);
      link.first_port = 8080;
      config.links.push_back(link);
    }
    rig.network().reserve(config.names.front(), config);
    const auto space = test::make_network_namespace();
    const auto start = Clock::now();
    rig.attach_in(config.names.front(), space);
    const double elapsed = seconds_since(start) * 1000;
    if (i >= 2 && i < sample + 2) few.push_back(elapsed);
    if (i >= count) many.push_back(elapsed);
  }
  std::printf("  %-44s %10.2f ms      beside %10.2f   ratio %.2f\n", "with 1,000 others, beside with a few",
              median(many), median(few), median(many) / median(few));
}
