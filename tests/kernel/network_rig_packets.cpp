#include "network_rig_packets.hpp"

#include "linux/ip_address.hpp"
#include "linux/namespaces.hpp"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <stdexcept>

namespace test {

namespace linux = conductor::linux;

namespace {

std::string checksum(std::string bytes) {
  if (bytes.size() % 2 != 0) bytes += '\0';
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 2)
    sum += (static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i])) << 8U) +
           static_cast<unsigned char>(bytes[i + 1]);
  while (sum > 0xffffU) sum = (sum & 0xffffU) + (sum >> 16U);
  return big_endian(~sum & 0xffffU, 2);
}

bool is_v6(const std::string& address) { return address.find(':') != std::string::npos; }

// `segment` with the checksum of it and its pseudo header at `offset`.
std::string with_checksum(const std::string& from, const std::string& to, int protocol, std::string segment,
                          std::size_t offset) {
  const auto number = static_cast<std::uint64_t>(protocol);
  std::string pseudo = address_bytes(from) + address_bytes(to);
  pseudo += is_v6(from) ? big_endian(segment.size(), 4) + big_endian(number, 4)
                        : big_endian(number, 2) + big_endian(segment.size(), 2);
  return segment.replace(offset, 2, checksum(pseudo + segment));
}

}  // namespace

std::string big_endian(std::uint64_t value, int bytes) {
  std::string result;
  for (int i = bytes - 1; i >= 0; --i) result += static_cast<char>((value >> (8U * static_cast<unsigned>(i))) & 0xffU);
  return result;
}

std::string address_bytes(const std::string& address) { return linux::parse_ip(address).value().wire(); }

std::string ip_packet(const std::string& from, const std::string& to, int protocol, const std::string& payload,
                      const IpOptions& options) {
  const auto number = static_cast<std::uint64_t>(protocol), hops = static_cast<std::uint64_t>(options.hops);
  if (is_v6(from))
    return big_endian(0x60000000U, 4) + big_endian(payload.size(), 2) + big_endian(number, 1) + big_endian(hops, 1) +
           address_bytes(from) + address_bytes(to) + payload;
  const std::size_t header = 20 + options.v4_options.size();
  std::string ip = big_endian(0x40U + header / 4, 1) + big_endian(0, 1) + big_endian(header + payload.size(), 2) +
                   big_endian(0x1234U, 2) + big_endian(options.v4_fragment, 2) + big_endian(hops, 1) +
                   big_endian(number, 1) + big_endian(0, 2) + address_bytes(from) + address_bytes(to) +
                   options.v4_options;
  return ip.replace(10, 2, checksum(ip)) + payload;
}

std::string udp_header(int from_port, int to_port, const std::string& data) {
  return big_endian(static_cast<std::uint64_t>(from_port), 2) + big_endian(static_cast<std::uint64_t>(to_port), 2) +
         big_endian(8 + data.size(), 2) + big_endian(0, 2) + data;
}

std::string udp_packet(const std::string& from, const std::string& to, int from_port, int to_port,
                       const std::string& data, const IpOptions& options) {
  const auto segment = with_checksum(from, to, IPPROTO_UDP, udp_header(from_port, to_port, data), 6);
  return ip_packet(from, to, IPPROTO_UDP, segment, options);
}

std::string tcp_packet(const std::string& from, const std::string& to, int from_port, int to_port, int flags,
                       const std::string& data) {
  const std::string segment =
      big_endian(static_cast<std::uint64_t>(from_port), 2) + big_endian(static_cast<std::uint64_t>(to_port), 2) +
      big_endian(1000, 4) + big_endian(2000, 4) + big_endian(0x50, 1) +
      big_endian(static_cast<std::uint64_t>(flags), 1) + big_endian(1024, 2) + big_endian(0, 4) + data;
  return ip_packet(from, to, IPPROTO_TCP, with_checksum(from, to, IPPROTO_TCP, segment, 16));
}

std::string icmp_packet(const std::string& from, const std::string& to, int type, int code, const std::string& rest,
                        const IpOptions& options) {
  std::string message = big_endian(static_cast<std::uint64_t>(type), 1) +
                        big_endian(static_cast<std::uint64_t>(code), 1) + big_endian(0, 2) + rest;
  if (is_v6(from))
    return ip_packet(from, to, IPPROTO_ICMPV6, with_checksum(from, to, IPPROTO_ICMPV6, message, 2), options);
  return ip_packet(from, to, IPPROTO_ICMP, message.replace(2, 2, checksum(message)), options);
}

std::string frame(const std::string& to_mac, const std::string& from_mac, const std::string& payload, int type) {
  if (type == 0) type = (static_cast<unsigned char>(payload.at(0)) >> 4U) == 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IP;
  return to_mac + from_mac + big_endian(static_cast<std::uint64_t>(type), 2) + payload;
}

std::string arp_packet(int operation, const std::string& sender_mac, const std::string& sender,
                       const std::string& target_mac, const std::string& target) {
  return big_endian(1, 2) + big_endian(ETHERTYPE_IP, 2) + big_endian(6, 1) + big_endian(4, 1) +
         big_endian(static_cast<std::uint64_t>(operation), 2) + sender_mac + address_bytes(sender) + target_mac +
         address_bytes(target);
}

Wire::Wire(const Fd& space, const std::string& interface) {
  linux::in_network_namespace(space, [&] {
    socket_ = Fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(::if_nametoindex(interface.c_str()));
    ifreq request{};
    interface.copy(request.ifr_name, IFNAMSIZ - 1);
    if (::bind(socket_.get(), static_cast<const sockaddr*>(static_cast<const void*>(&address)), sizeof address) != 0 ||
        ::ioctl(socket_.get(), SIOCGIFHWADDR, &request) != 0)
      throw std::runtime_error("no packet socket on " + interface);
    const int size = 8 << 20;
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    mac_.assign(request.ifr_hwaddr.sa_data, 6);
  });
}

void Wire::send(const std::string& bytes) const { ::send(socket_.get(), bytes.data(), bytes.size(), 0); }

std::string Wire::receive(int milliseconds) const {
  for (;;) {
    std::array<char, 2048> buffer{};
    sockaddr_ll from{};
    socklen_t size = sizeof from;
    const ssize_t n = ::recvfrom(socket_.get(), buffer.data(), buffer.size(), 0,
                                 static_cast<sockaddr*>(static_cast<void*>(&from)), &size);
    if (n >= 0 && from.sll_pkttype == PACKET_OUTGOING) continue;
    if (n >= 0) return {buffer.data(), static_cast<std::size_t>(n)};
    pollfd p{socket_.get(), POLLIN, 0};
    if (::poll(&p, 1, milliseconds) != 1) return {};
  }
}

}  // namespace test
