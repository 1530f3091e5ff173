// What containers have of the network by way of the engine: another one's, ports that come and go while they run, names
// outside.
#include "engine_rig.hpp"
#include "linux/fd.hpp"
#include "linux/namespaces.hpp"
#include "monitor/dns_message.hpp"
#include "network/graph.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <thread>

using namespace conductor;

namespace {

constexpr const char* sleeping = "sleep 1000 & trap 'exit 0' TERM; wait";

engine::Container start(EngineRig& rig, const std::string& name, engine::ContainerConfig config) {
  config.name = name;
  auto container = rig.create(std::move(config));
  rig.engine().start(container.id);
  return container;
}

engine::ContainerConfig sharing(EngineRig& rig, const std::string& other, const std::string& script = sleeping) {
  auto config = rig.shell(script);
  config.network = engine::NetworkMode::container;
  config.network_container = other;
  return config;
}

network::Publish port(int host, int inside, int count = 1) {
  network::Publish publish;
  publish.host_port = host;
  publish.container_port = inside;
  publish.count = count;
  return publish;
}

bool connects(int family, int number) {
  const linux::Fd fd(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto port_number = htons(static_cast<std::uint16_t>(number));
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  v4.sin_port = port_number;
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_addr = IN6ADDR_LOOPBACK_INIT;
  v6.sin6_port = port_number;
  return family == AF_INET ? connect(fd.get(), reinterpret_cast<const sockaddr*>(&v4), sizeof v4) == 0
                           : connect(fd.get(), reinterpret_cast<const sockaddr*>(&v6), sizeof v6) == 0;
}

// What a server inside says to whoever connects to that loopback port of the host.
std::string greeting(int number) {
  const linux::Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(number));
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return "(refused)";
  char buffer[64];
  if (!linux::wait_readable(fd.get(), 5000)) return "(silent)";
  const auto size = recv(fd.get(), buffer, sizeof buffer, 0);
  return size < 0 ? "(reset)" : std::string(buffer, static_cast<std::size_t>(size));
}

// Says that text to whoever connects to a port of a container, at every address or at that one.
class Server {
 public:
  Server(EngineRig& rig, const std::string& id, int port, std::string text, const linux::IpAddress& address = any6())
      : text_(std::move(text)), stop_(eventfd(0, EFD_CLOEXEC)) {
    linux::in_network_namespace(*rig.engine().runtime().network_namespace(id), [&] {
      listener_ = linux::Fd(socket(address.v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      REQUIRE(bind_to(address, port) == 0);
      REQUIRE(listen(listener_.get(), 16) == 0);
    });
    thread_ = std::thread([this] { run(); });
  }
  ~Server() {
    eventfd_write(stop_.get(), 1);
    thread_.join();
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

 private:
  static linux::IpAddress any6() {
    linux::IpAddress address;
    address.v6 = access("/proc/sys/net/ipv6", F_OK) == 0;
    return address;
  }
  int bind_to(const linux::IpAddress& ip, int port) const {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(static_cast<std::uint16_t>(port));
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = v4.sin_port;
    std::copy_n(ip.bytes.begin(), 4, reinterpret_cast<std::uint8_t*>(&v4.sin_addr));
    std::copy_n(ip.bytes.begin(), 16, v6.sin6_addr.s6_addr);
    return ip.v6 ? bind(listener_.get(), reinterpret_cast<const sockaddr*>(&v6), sizeof v6)
                 : bind(listener_.get(), reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
  }
  void run() {
    pollfd entries[] = {{listener_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    while (poll(entries, 2, -1) > 0 && entries[1].revents == 0) {
      const linux::Fd client(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      send(client.get(), text_.data(), text_.size(), MSG_NOSIGNAL);
    }
  }

  std::string text_;
  linux::Fd stop_, listener_;
  std::thread thread_;
};

// Answers every question of this host for an IPv4 address with that one, at 127.0.0.1:53.
class NameServer {
 public:
  explicit NameServer(const char* address)
      : address_(*linux::parse_ip(address)),
        stop_(eventfd(0, EFD_CLOEXEC)),
        socket_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    own.sin_port = htons(53);
    REQUIRE(bind(socket_.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0);
    thread_ = std::thread([this] { run(); });
  }
  ~NameServer() {
    eventfd_write(stop_.get(), 1);
    thread_.join();
  }
  NameServer(const NameServer&) = delete;
  NameServer& operator=(const NameServer&) = delete;

 private:
  void run() {
    pollfd entries[] = {{socket_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    while (poll(entries, 2, -1) > 0 && entries[1].revents == 0) {
      char buffer[512];
      sockaddr_in from{};
      socklen_t length = sizeof from;
      const auto size = recvfrom(socket_.get(), buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&from), &length);
      const auto question = monitor::parse_question({buffer, static_cast<std::size_t>(std::max<ssize_t>(size, 0))});
      if (!question) continue;
      std::string answer = monitor::empty_answer(*question, monitor::DnsCode::success);
      if (question->type == static_cast<std::uint16_t>(monitor::DnsType::a)) {
        answer[7] = 1;  // one record: the name above, type A, class IN, 60 seconds, four bytes
        answer += std::string("\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4", 12) + address_.wire();
      }
      sendto(socket_.get(), answer.data(), answer.size(), 0, reinterpret_cast<const sockaddr*>(&from), length);
    }
  }

  linux::IpAddress address_;
  linux::Fd stop_, socket_;
  std::thread thread_;
};

}  // namespace

TEST_CASE("engine: the census has a route to each address of a container, those of a network's subnet too") {
  NEEDS_MACHINE();
  EngineRig rig;
  network::NetworkConfig shop;
  shop.name = "shop";
  shop.subnet = "172.29.77.0/24";
  rig.engine().network().create_network(shop);
  const auto before = rig.census();
  auto config = rig.shell(sleeping);
  network::Membership membership;
  membership.network = shop.name;
  config.endpoint.networks = {membership};
  const auto web = start(rig, "web", config);
  const auto& settings = rig.engine().network().settings();
  const auto addresses = network::addresses_of(settings, *rig.engine().network().find(web.id));
  const auto census = rig.census();
  const auto routes = [](const std::string& line) { return line.starts_with("route "); };
  for (const auto& address : addresses) CHECK(std::ranges::count(census, "route " + linux::to_text(address)) == 1);
  CHECK(static_cast<std::size_t>(std::ranges::count_if(census, routes)) == addresses.size());
  CHECK(addresses.size() == (settings.ipv6() ? 3U : 2U));
  rig.engine().remove(web.id, true);
  CHECK(rig.census_when(before) == before);
  rig.engine().network().remove_network("shop");
}

TEST_CASE("engine: a container in another one's network has its address, its names and its loopback") {
  NEEDS_MACHINE();
  EngineRig rig;
  const auto before = rig.census();
  {
    const auto web = start(rig, "web", rig.shell(sleeping));
    std::optional<Server> server;
    server.emplace(rig, web.id, 8080, "hello", linux::IpAddress(INADDR_LOOPBACK));
    const auto beside = start(rig, "beside", sharing(rig, "web"));
    for (const char* file : {"/etc/hosts", "/etc/resolv.conf"})
      CHECK(rig.exec(beside.id, {"cat", file}).output == rig.exec(web.id, {"cat", file}).output);
    CHECK_THAT(rig.exec(beside.id, {"cat", "/etc/hosts"}).output, Contains("web"));
    CHECK(rig.exec(beside.id, {"hostname"}).output == beside.id.substr(0, 12) + "\n");
    CHECK(rig.exec(beside.id, {"ip", "addr", "show", "eth0"}).output ==
          rig.exec(web.id, {"ip", "addr", "show", "eth0"}).output);
    CHECK(rig.exec(beside.id, {"sh", "-c", "nc 127.0.0.1 8080 </dev/null"}).output == "hello");
    server.reset();  // a socket keeps its namespace

    // It keeps the network when the other one ends, and a third may join it there.
    rig.engine().stop(web.id, std::chrono::seconds(0));
    CHECK_THAT(rig.exec(beside.id, {"ip", "addr", "show", "lo"}).output, Contains("127.0.0.1"));
    CHECK(rig.exec(beside.id, {"ls", "/sys/class/net"}).output == "lo\n");
    CHECK(rig.engine().network().verify().empty());
    CHECK_THAT(message_of([&] { start(rig, "late", sharing(rig, "web")); }), Contains("'web' does not run"));
    const auto third = start(rig, "third", sharing(rig, "beside"));
    CHECK_THAT(rig.exec(third.id, {"cat", "/etc/hosts"}).output, Contains("web"));
    for (const char* name : {"third", "late", "beside", "web"})
      rig.engine().remove(rig.engine().resolve(name), true, true);
  }
  CHECK(rig.census_when(before) == before);
}

TEST_CASE("engine: a container in another one's network outlives that one, and is not started again without it") {
  NEEDS_MACHINE();
  EngineRig rig;
  const auto before = rig.census();
  const auto web = start(rig, "web", rig.shell(sleeping)), apart = start(rig, "apart", rig.shell(sleeping));
  auto config = sharing(rig, "web");
  config.restart.policy = monitor::RestartPolicy::always;
  const auto beside = start(rig, "beside", config);
  rig.engine().remove(web.id, true);
  CHECK(rig.exec(beside.id, {"ls", "/sys/class/net"}).output == "lo\n");
  CHECK(rig.engine().network().verify().empty());

  linux::send_signal(*linux::open_process(rig.engine().runtime().status(beside.id)->process), SIGKILL);
  REQUIRE(rig.engine().runtime().wait_for(
      beside.id, [](const auto& status) { return status.phase == monitor::Phase::exited; }, std::chrono::seconds(10)));
  const auto status = rig.engine().runtime().status(beside.id);
  CHECK(status->exit_code == 137);
  CHECK_THAT(status->error, Contains("whose network it shares has been removed"));
  CHECK_THAT(message_of([&] { rig.engine().start(beside.id); }),
             Contains("'beside' shares the network of 'web', which"));

  // With another one of that name there is a network again.
  const auto again = start(rig, "web", rig.shell(sleeping));
  rig.engine().start(beside.id);
  CHECK_THAT(rig.exec(beside.id, {"cat", "/etc/hosts"}).output, Contains("web"));
  for (const auto* container : {&beside, &again, &apart}) rig.engine().remove(container->id, true);
  CHECK(rig.census_when(before) == before);
}

TEST_CASE("engine: what cannot be shared is refused") {
  NEEDS_MACHINE();
  EngineRig rig;
  CHECK_THAT(message_of([&] { rig.create(sharing(rig, "nobody")); }), Contains("no such container"));
  const auto web = rig.create(rig.shell(sleeping));
  CHECK(rig.create(sharing(rig, web.id.substr(0, 2))).config.network_container == web.id);
  auto wanted = sharing(rig, web.config.name);
  wanted.endpoint.publish = {port(7001, 80)};
  CHECK_THAT(message_of([&] { rig.create(wanted); }), Contains("ports cannot be published with --network container:"));
  wanted.endpoint.publish.clear();
  wanted.endpoint.dns = {"192.0.2.1"};
  CHECK_THAT(message_of([&] { rig.create(wanted); }), Contains("name servers cannot be chosen"));

  auto alone = rig.shell(sleeping);
  alone.network = engine::NetworkMode::none;
  const auto none = start(rig, "none", alone);
  const auto beside = start(rig, "beside", sharing(rig, "none"));
  CHECK(rig.exec(beside.id, {"ls", "/sys/class/net"}).output == "lo\n");
}

TEST_CASE("engine: published ports of a running container come, change and go") {
  NEEDS_MACHINE();
  EngineRig rig;
  auto config = rig.shell(sleeping);
  config.endpoint.publish = {port(7001, 8080)};
  const auto web = start(rig, "web", config);
  const Server old_server(rig, web.id, 8080, "old"), new_server(rig, web.id, 9090, "new");
  CHECK(greeting(7001) == "old");
  CHECK(connects(AF_INET6, 7001));

  auto endpoint = rig.engine().find("web").config.endpoint;
  endpoint.publish = {port(7001, 9090), port(7100, 9000, 100)};
  rig.engine().set_endpoint(web.id, endpoint);
  CHECK(greeting(7001) == "new");
  CHECK(greeting(7190) == "new");
  endpoint.publish = {port(7100, 9000, 100)};
  rig.engine().set_endpoint(web.id, endpoint);
  CHECK_FALSE(connects(AF_INET, 7001));
  CHECK_FALSE(connects(AF_INET6, 7001));
  CHECK(greeting(7190) == "new");
}

TEST_CASE("engine: a service that listens on IPv6 alone is found through both loopback addresses") {
  NEEDS_MACHINE();
  EngineRig rig;
  if (!rig.engine().network().settings().ipv6()) SKIP_TEST("needs IPv6 in containers");
  auto config = rig.shell(sleeping);
  config.endpoint.publish = {port(7001, 8080)};
  const auto web = start(rig, "web", config);
  const auto address = rig.engine().network().settings().address6_of(rig.engine().network().find(web.id)->address);
  const Server server(rig, web.id, 8080, "six", address);
  CHECK(greeting(7001) == "six");
}

TEST_CASE("engine: a container that may reach named hosts asks a resolver of its own, as long as it may") {
  NEEDS_MACHINE();
  EngineRig rig;
  auto config = rig.shell(sleeping);
  config.endpoint.internet_to = {{"*.example.org", {}}};
  config.restart.policy = monitor::RestartPolicy::always;
  const auto web = start(rig, "web", config);
  const auto look_up = [&](const std::string& name) {
    return rig.exec(web.id, {"sh", "-c", "busybox nslookup " + name + " 2>&1"}).output;
  };
  CHECK(rig.exec(web.id, {"cat", "/etc/resolv.conf"}).output == "nameserver 127.0.0.11\n");
  CHECK_THAT(look_up("api.example.com"), Contains("NXDOMAIN"));

  auto endpoint = rig.engine().find("web").config.endpoint;
  endpoint.internet_to.clear();
  rig.engine().set_endpoint(web.id, endpoint);
  CHECK_THAT(rig.exec(web.id, {"cat", "/etc/resolv.conf"}).output, !Contains("nameserver 127"));
  CHECK_THAT(look_up("api.example.com 127.0.0.11"), !Contains("NXDOMAIN"));
  endpoint.internet_to = {{"*.example.org", {}}};
  rig.engine().set_endpoint(web.id, endpoint);
  CHECK_THAT(look_up("api.example.com"), Contains("NXDOMAIN"));

  // So it does after a restart.
  linux::send_signal(*linux::open_process(rig.engine().runtime().status(web.id)->process), SIGKILL);
  REQUIRE(rig.engine().runtime().wait_for(
      web.id, [](const auto& status) { return status.restarts == 1 && status.phase == monitor::Phase::running; },
      std::chrono::seconds(10)));
  CHECK_THAT(look_up("api.example.com"), Contains("NXDOMAIN"));

  // A new monitor serves the names as the old one did.
  const auto monitor = rig.engine().runtime().status(web.id)->monitor;
  const auto process = linux::open_process(monitor);
  REQUIRE(process);
  linux::send_signal(*process, SIGKILL);
  REQUIRE(linux::wait_ended(*process, 5000));
  REQUIRE(rig.engine().runtime().running(web.id));
  CHECK_THAT(look_up("api.example.com"), Contains("NXDOMAIN"));
}

TEST_CASE("engine: an address that the resolver gives away is reachable by then") {
  NEEDS_MACHINE();
  EngineRig rig;
  setenv("CONDUCTOR_PROGRAM", CONDUCTOR_PROGRAM, 1);
  const NameServer name_server("203.0.113.5");
  auto config = rig.shell(sleeping);
  config.endpoint.internet_to = {{"*.example.org", {network::Protocol::tcp, 443, 443}}, {"fixed.example.net", {}}};
  config.endpoint.dns = {"127.0.0.1"};  // of this host: it is the resolver that asks
  const auto web = start(rig, "web", config);
  for (const std::string name : {"api.example.org", "fixed.example.net"})
    CHECK_THAT(rig.exec(web.id, {"sh", "-c", "busybox nslookup " + name + " 2>&1"}).output, Contains("203.0.113.5"));
  const auto known = rig.engine().network().find(web.id);
  REQUIRE(known);
  const auto is_known = [&](const std::string& name) {
    return std::any_of(known->resolved.begin(), known->resolved.end(), [&](const network::ResolvedName& one) {
      return one.name == name && one.addresses == std::vector<std::string>{"203.0.113.5"};
    });
  };
  CHECK(is_known("api.example.org"));
  CHECK(is_known("fixed.example.net"));
  CHECK(rig.engine().network().verify().empty());

  // So with a new monitor: what was said before still counts, and more can be asked for.
  const auto monitor = linux::open_process(rig.engine().runtime().status(web.id)->monitor);
  linux::send_signal(*monitor, SIGKILL);
  REQUIRE(linux::wait_ended(*monitor, 5000));
  rig.engine().recover();
  for (const std::string name : {"api.example.org", "other.example.org"})
    CHECK_THAT(rig.exec(web.id, {"sh", "-c", "busybox nslookup " + name + " 2>&1"}).output, Contains("203.0.113.5"));
  const auto again = rig.engine().network().find(web.id)->resolved;
  CHECK(std::any_of(again.begin(), again.end(), [](const auto& one) { return one.name == "other.example.org"; }));
  CHECK(again.size() == known->resolved.size() + 1);
  CHECK(rig.engine().network().verify().empty());
  unsetenv("CONDUCTOR_PROGRAM");
}
