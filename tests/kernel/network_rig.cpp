#include "network_rig.hpp"

#include "base/text.hpp"
#include "linux/namespaces.hpp"
#include "linux/nftables.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace test {

namespace linux = conductor::linux;

namespace {

constexpr int answer_ms = 700;  // longer than any round trip here, shorter than a second SYN

sockaddr_in socket_address(const std::string& address, int port) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_port = htons(static_cast<std::uint16_t>(port));
  if (inet_pton(AF_INET, address.c_str(), &result.sin_addr) != 1) throw std::runtime_error("bad address " + address);
  return result;
}
const sockaddr* generic(const sockaddr_in& address) {
  return static_cast<const sockaddr*>(static_cast<const void*>(&address));
}

bool wait_for(int fd, short events) {
  pollfd p{fd, events, 0};
  return ::poll(&p, 1, answer_ms) == 1;
}

Outcome outcome_of(int code) {
  if (code == 0) return Outcome::connected;
  return code == ECONNREFUSED ? Outcome::refused : Outcome::unreachable;
}

std::uint16_t checksum(const icmphdr& header) {
  std::array<std::uint16_t, sizeof(icmphdr) / 2> words{};
  std::memcpy(words.data(), &header, sizeof header);
  std::uint32_t sum = 0;
  for (const auto word : words) sum += word;
  return static_cast<std::uint16_t>(~(sum + (sum >> 16U)));
}

// The uplink of the host and the neighbour behind it, with the neighbour as default gateway.
void connect_neighbour(const Fd& neighbour) {
  linux::Netlink netlink;
  netlink.add_veth({"up0", std::string("\x02\0\0\0\0\x01", 6)}, 0, 1400, neighbour,
                   {"eth0", std::string("\x02\0\0\0\0\x09", 6)});
  netlink.send();
  const int uplink = netlink.link("up0")->index;
  netlink.set_link_up(netlink.link("lo")->index);
  netlink.set_link_up(uplink);
  netlink.add_address(uplink, *linux::parse_ipv4(host_on_uplink), 24);
  linux::Route route;
  route.prefix_length = 0;
  route.gateway = *linux::parse_ipv4(neighbour_address);
  route.interface = uplink;
  netlink.add_route(route);
  netlink.send();
}

// The neighbour tries what an attacker on the same wire would: routes to the containers through the host.
void set_up_neighbour(const net::Settings& settings) {
  linux::Netlink netlink;
  const int inner = netlink.link("eth0")->index;
  netlink.set_link_up(netlink.link("lo")->index);
  netlink.set_link_up(inner);
  netlink.add_address(inner, *linux::parse_ipv4(neighbour_address), 24);
  linux::Route route;
  route.destination = settings.subnet;
  route.prefix_length = settings.prefix_length;
  route.gateway = *linux::parse_ipv4(host_on_uplink);
  route.interface = inner;
  netlink.add_route(route);
  route.destination = *linux::parse_ipv4("203.0.113.0");
  route.prefix_length = 24;
  netlink.add_route(route);
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

Rig::Rig()
    : locations_{directory_ / "root", directory_ / "run", "conductor"},
      settings_(net::Settings::of(locations_)),
      origin_(linux::open_own_namespace("net")),
      host_(make_network_namespace()),
      neighbour_(make_network_namespace()) {
  linux::enter_namespace(host_);
  connect_neighbour(neighbour_);
  linux::in_network_namespace(neighbour_, [&] { set_up_neighbour(settings_); });
  if (!linux::Netlink().wait_operational("up0", 5000)) throw std::runtime_error("the uplink has no carrier");
  network_ = std::make_unique<net::Network>(locations_, [this](const std::string& id) -> std::optional<Fd> {
    const auto found = spaces_.find(id);
    if (found == spaces_.end()) return std::nullopt;
    return found->second->duplicate();
  });
}

Rig::~Rig() { linux::enter_namespace(origin_); }

net::Endpoint Rig::start(const std::string& id, net::EndpointConfig config) {
  if (config.names.empty()) config.names = {id};
  const auto endpoint = network_->reserve(id, config);
  restart(id);
  return endpoint;
}

void Rig::restart(const std::string& id) {
  spaces_[id] = std::make_unique<Fd>(make_network_namespace());
  network_->attach(id, space(id));
}

void Rig::stop(const std::string& id) {
  spaces_.erase(id);
  network_->detach(id);
}

std::string Rig::address(const std::string& id) const { return linux::to_text(network_->find(id)->address); }

void Rig::serve(const Fd& space, int port) {
  linux::in_network_namespace(space, [&] {
    Fd server(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto address = socket_address("0.0.0.0", port);
    if (::bind(server.get(), generic(address), sizeof address) != 0 || ::listen(server.get(), 64) != 0)
      throw std::runtime_error("cannot serve port " + std::to_string(port));
    servers_.push_back(std::move(server));
  });
}

Outcome Rig::connect(const Fd& space, const std::string& address, int port) const {
  Outcome outcome = Outcome::silent;
  linux::in_network_namespace(space, [&] {
    const Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const auto target = socket_address(address, port);
    if (::connect(client.get(), generic(target), sizeof target) == 0) {
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
  bool answered = false;
  linux::in_network_namespace(space, [&] {
    const Fd socket(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP));
    const auto target = socket_address(address, 0);
    icmphdr echo{};
    echo.type = ICMP_ECHO;
    echo.un.echo.id = 77;
    echo.checksum = checksum(echo);
    if (::sendto(socket.get(), &echo, sizeof echo, 0, generic(target), sizeof target) < 0) return;
    // A raw socket sees every ICMP message: refusals, too.
    while (!answered && wait_for(socket.get(), POLLIN)) {
      std::array<unsigned char, 256> packet{};
      const ssize_t n = ::recv(socket.get(), packet.data(), packet.size(), 0);
      const auto header = static_cast<std::size_t>((packet[0] & 0xfU) * 4U);
      if (n < static_cast<ssize_t>(header + sizeof echo)) continue;
      if (packet[header] == ICMP_DEST_UNREACH) return;
      answered = packet[header] == ICMP_ECHOREPLY;
    }
  });
  return answered;
}

std::vector<std::string> Rig::census() const {
  linux::Netlink netlink;
  std::vector<std::string> lines;
  for (const auto& rule : netlink.rules()) lines.push_back("rule " + std::to_string(rule.priority));
  for (const auto& route : netlink.routes())
    lines.push_back("route " + linux::to_text(route.destination) + "/" + std::to_string(route.prefix_length));
  if (linux::nft_table_exists("inet", settings_.table)) lines.push_back("table " + settings_.table);
  for (const char* setting : {"forwarding", "src_valid_mark", "rp_filter", "route_localnet"})
    for (const char* interface : {"up0", "all", "default", "lo"})
      lines.push_back(std::string(interface) + "/" + setting + "=" + read_setting(interface, setting));
  std::sort(lines.begin(), lines.end());
  return lines;
}

void write_setting(const std::string& interface, const std::string& setting, const std::string& value) {
  linux::write_kernel_file("/proc/sys/net/ipv4/conf/" + interface + "/" + setting, value);
}
std::string read_setting(const std::string& interface, const std::string& setting) {
  return std::string(conductor::base::trim(linux::read_file("/proc/sys/net/ipv4/conf/" + interface + "/" + setting)));
}

}  // namespace test
