#include "network_rig.hpp"

#include "base/text.hpp"
#include "linux/namespaces.hpp"
#include "network_rig_host.hpp"
#include "network_rig_probes.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

namespace test {

namespace linux = conductor::linux;

namespace {

constexpr int answer_ms = 700;        // longer than any round trip here, shorter than a second SYN
constexpr int space_ends_ms = 60000;  // the kernel takes the namespaces of the whole machine down one after the other

bool wait_for(int fd, short events) {
  pollfd p{fd, events, 0};
  return ::poll(&p, 1, answer_ms) == 1;
}

Outcome outcome_of(int code) {
  if (code == 0) return Outcome::connected;
  return code == ECONNREFUSED ? Outcome::refused : Outcome::unreachable;
}

Fd listener(const Fd& space, int port) {
  Fd server;
  linux::in_network_namespace(space, [&] {
    server = Fd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int both = 0;
    ::setsockopt(server.get(), IPPROTO_IPV6, IPV6_V6ONLY, &both, sizeof both);
    const SocketAddress address("::", port);
    if (::bind(server.get(), address.generic(), address.size()) != 0 || ::listen(server.get(), 64) != 0)
      throw std::runtime_error("cannot serve port " + std::to_string(port));
  });
  return server;
}

linux::Route route_to(const std::string& prefix, int interface, const char* gateway) {
  const auto network = *linux::parse_prefix(prefix);
  linux::Route route;
  route.destination = network.address;
  route.prefix_length = network.length;
  route.interface = interface;
  route.gateway = *linux::parse_ip(gateway);
  return route;
}

// Addresses of its link-local range are there at once, as on a link that has been up for long.
void skip_duplicate_detection(const std::string& interface) {
  linux::write_kernel_file("/proc/sys/net/ipv6/conf/" + interface + "/accept_dad", "0");
}

// The uplink of the host and the neighbour behind it, with the neighbour as default gateway.
void connect_neighbour(const Fd& neighbour) {
  linux::Netlink netlink;
  netlink.add_veth({"up0", std::string("\x02\0\0\0\0\x01", 6)}, 0, 1400, neighbour,
                   {"eth0", std::string("\x02\0\0\0\0\x09", 6)});
  netlink.send();
  skip_duplicate_detection("up0");
  netlink.set_link_up(netlink.link("lo")->index);
  netlink.set_link_up(netlink.link("up0")->index);
  netlink.send();
}

// The neighbour tries what an attacker on the same wire would: routes to the containers through the host.
void set_up_neighbour(const net::Settings& settings) {
  linux::Netlink netlink;
  const int inner = netlink.link("eth0")->index;
  skip_duplicate_detection("eth0");
  netlink.set_link_up(netlink.link("lo")->index);
  netlink.set_link_up(inner);
  netlink.add_address(inner, *linux::parse_ip(neighbour_address), 24);
  netlink.add_address(inner, *linux::parse_ip(neighbour_address6), 64);
  netlink.add_route(route_to(linux::to_text(settings.range()), inner, host_on_uplink));
  netlink.add_route(route_to("203.0.113.0/24", inner, host_on_uplink));
  if (settings.ipv6()) netlink.add_route(route_to(linux::to_text(settings.range6()), inner, host_on_uplink6));
  netlink.send();
}

}  // namespace

std::string to_text(Outcome outcome) {
  switch (outcome) {
    case Outcome::connected:
      return "connected";
    case Outcome::refused:
      return "refused";
    case Outcome::unreachable:
      return "unreachable";
    case Outcome::silent:
      return "silent";
  }
  return "?";
}

bool can_make_network_namespaces() {
  if (::geteuid() != 0) return false;
  const Fd own = linux::open_own_namespace("net");
  if (::unshare(CLONE_NEWNET) != 0) return false;
  linux::enter_namespace(own);
  return true;
}

Fd make_network_namespace() {
  const Fd own = linux::open_own_namespace("net");
  if (::unshare(CLONE_NEWNET) != 0) throw std::runtime_error("unshare(CLONE_NEWNET)");
  Fd made = linux::open_own_namespace("net");
  linux::enter_namespace(own);
  return made;
}

Rig::Rig(const std::string& configuration)
    : locations_{directory_ / "root", directory_ / "run", "conductor"},
      origin_(linux::open_own_namespace("net")),
      host_(make_network_namespace()),
      neighbour_(make_network_namespace()) {
  std::ofstream(path("config")) << configuration;
  ::setenv("CONDUCTOR_CONFIG", path("config").c_str(), 1);
  linux::enter_namespace(host_);
  try {
    connect_neighbour(neighbour_);
    configure_uplink();
    network_ = std::make_unique<net::Network>(locations_, [this](const std::string& id) -> std::optional<Fd> {
      const auto found = spaces_.find(id);
      if (found == spaces_.end()) return std::nullopt;
      return found->second->duplicate();
    });
    linux::in_network_namespace(neighbour_, [&] { set_up_neighbour(settings()); });
    if (!linux::Netlink().wait_operational("up0", 5000)) throw std::runtime_error("the uplink has no carrier");
  } catch (...) {
    linux::enter_namespace(origin_);
    throw;
  }
}

Rig::~Rig() { linux::enter_namespace(origin_); }

void Rig::configure_uplink() {
  linux::Netlink netlink;
  const int uplink = netlink.link("up0")->index;
  netlink.set_link_up(uplink);
  netlink.add_address(uplink, *linux::parse_ip(host_on_uplink), 24);
  netlink.add_address(uplink, *linux::parse_ip(host_on_uplink6), 64);
  netlink.add_route(route_to("0.0.0.0/0", uplink, neighbour_address));
  netlink.add_route(route_to("::/0", uplink, neighbour_address6));
  netlink.send();
}

net::Endpoint Rig::start(const std::string& id, net::EndpointConfig config) {
  if (config.names.empty()) config.names = {id};
  const auto endpoint = network_->reserve(id, config);
  restart(id);
  return endpoint;
}

void Rig::restart(const std::string& id) { attach_in(id, make_network_namespace()); }

void Rig::attach_in(const std::string& id, const Fd& space) {
  spaces_[id] = std::make_unique<Fd>(space.duplicate());
  network_->attach(id, space);
}

void Rig::stop(const std::string& id) {
  const auto endpoint = network_->find(id);
  if (endpoint && !endpoint->interface.empty()) dying_.push_back(endpoint->interface);
  servers_of_.erase(id);
  spaces_.erase(id);
  network_->detach(id);
}

std::string Rig::address(const std::string& id) const { return linux::to_text(network_->find(id)->address); }
std::string Rig::address6(const std::string& id) const {
  return linux::to_text(settings().address6_of(network_->find(id)->address));
}
std::string Rig::host6() const { return linux::to_text(settings().address6_of(1)); }

void Rig::serve(const Fd& space, int port) { servers_.push_back(listener(space, port)); }
void Rig::serve(const std::string& id, int port) { servers_of_[id].push_back(listener(space(id), port)); }

Outcome Rig::connect(const Fd& space, const std::string& address, int port) const {
  Outcome outcome = Outcome::silent;
  linux::in_network_namespace(space, [&] {
    const SocketAddress target(address, port);
    const Fd client(::socket(target.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (::connect(client.get(), target.generic(), target.size()) == 0) {
      outcome = Outcome::connected;
    } else if (errno != EINPROGRESS) {
      outcome = outcome_of(errno);
    } else if (wait_for(client.get(), POLLOUT)) {
      int code = 0;
      socklen_t size = sizeof code;
      ::getsockopt(client.get(), SOL_SOCKET, SO_ERROR, &code, &size);
      outcome = outcome_of(code);
    }
  });
  return outcome;
}

bool Rig::ping(const Fd& space, const std::string& address) const {
  std::vector<Probe> probes{{&space, address, 0, Probe::Kind::icmp, false}};
  Responders none;
  run_probes(probes, none, answer_ms);
  return probes.front().outcome == Outcome::connected;
}

std::vector<std::string> Rig::census() const {
  for (const auto& interface : dying_)
    if (!linux::Netlink().wait_gone(interface, space_ends_ms))
      throw std::runtime_error(interface + " does not go away");
  return host_state();
}

void write_setting(const std::string& interface, const std::string& setting, const std::string& value) {
  linux::write_kernel_file("/proc/sys/net/ipv4/conf/" + interface + "/" + setting, value);
}
std::string read_setting(const std::string& interface, const std::string& setting) {
  return std::string(conductor::base::trim(linux::read_file("/proc/sys/net/ipv4/conf/" + interface + "/" + setting)));
}

}  // namespace test
