#include "linux_net_rig.hpp"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <stdexcept>

namespace test {

namespace linux = conductor::linux;

namespace {

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* generic() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

Address socket_address(const IpAddress& address, int port) {
  Address result;
  if (address.v6) {
    sockaddr_in6 six{};
    six.sin6_family = AF_INET6;
    six.sin6_port = htons(static_cast<std::uint16_t>(port));
    std::memcpy(&six.sin6_addr, address.bytes.data(), 16);
    std::memcpy(&result.storage, &six, result.size = sizeof six);
  } else {
    sockaddr_in four{};
    four.sin_family = AF_INET;
    four.sin_port = htons(static_cast<std::uint16_t>(port));
    std::memcpy(&four.sin_addr, address.bytes.data(), 4);
    std::memcpy(&result.storage, &four, result.size = sizeof four);
  }
  return result;
}

int set_up(const std::string& name, const std::string& last, const std::string& other, const std::string& other_mac) {
  linux::Netlink netlink;
  const int index = netlink.link(name)->index;
  netlink.set_link_up(netlink.link("lo")->index);
  netlink.set_link_up(index);
  netlink.add_address(index, ip("10.9.0." + last), 24);
  netlink.add_address(index, ip("fd09::" + last), 64);
  netlink.add_neighbour(index, ip("10.9.0." + other), other_mac);
  netlink.add_neighbour(index, ip("fd09::" + other), other_mac);
  netlink.send();
  return index;
}

void wait_ready(const std::string& name, const IpAddress& address) {
  linux::Netlink netlink;
  if (!netlink.wait_operational(name, 5000) || !netlink.wait_local(address, 5000))
    throw std::runtime_error(name + " does not become usable");
}

}  // namespace

bool can_make_network_spaces() {
  if (::geteuid() != 0) return false;
  const Fd own = linux::open_own_namespace("net");
  if (::unshare(CLONE_NEWNET) != 0) return false;
  linux::enter_namespace(own);
  return true;
}

Fd make_network_space() {
  const Fd own = linux::open_own_namespace("net");
  if (::unshare(CLONE_NEWNET) != 0) throw std::runtime_error("unshare(CLONE_NEWNET)");
  Fd made = linux::open_own_namespace("net");
  linux::enter_namespace(own);
  return made;
}

Pair::Pair() : here(make_network_space()), there(make_network_space()) {
  inside(here, [&] {
    linux::Netlink netlink;
    netlink.add_veth({"h0", mac_here}, 0, 1500, there, {"p0", mac_there});
    netlink.send();
    index_here = set_up("h0", "1", "2", mac_there);
  });
  inside(there, [&] {
    index_there = set_up("p0", "2", "1", mac_here);
    wait_ready("p0", ip("fd09::2"));
  });
  inside(here, [&] { wait_ready("h0", ip("fd09::1")); });
}

Fd udp_socket(const IpAddress& address, int port) {
  Fd socket(::socket(address.v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const Address own = socket_address(address, port);
  const int on = 1;
  if (address.v6) ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (::bind(socket.get(), own.generic(), own.size) != 0)
    throw std::runtime_error("cannot bind " + linux::to_text(address));
  return socket;
}

void send_to(const Fd& socket, const IpAddress& address, int port, const std::string& text) {
  const Address target = socket_address(address, port);
  if (::sendto(socket.get(), text.data(), text.size(), 0, target.generic(), target.size) < 0)
    throw std::runtime_error("cannot send to " + linux::to_text(address) + ": " + std::strerror(errno));
}

std::string receive_within(const Fd& socket, int milliseconds) {
  if (!linux::wait_readable(socket.get(), milliseconds)) return {};
  std::array<char, 2048> buffer{};
  const ssize_t n = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
  return n > 0 ? std::string(buffer.data(), static_cast<std::size_t>(n)) : std::string();
}

void send_frame(int index, const std::string& frame) {
  const Fd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  sockaddr_ll target{};
  target.sll_family = AF_PACKET;
  target.sll_ifindex = index;
  if (::sendto(socket.get(), frame.data(), frame.size(), 0, reinterpret_cast<const sockaddr*>(&target), sizeof target) <
      0)
    throw std::runtime_error(std::string("cannot send a frame: ") + std::strerror(errno));
}

}  // namespace test
