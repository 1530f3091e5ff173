// Frames made by hand, sent and captured as a program with CAP_NET_RAW can.
#pragma once

#include "linux/fd.hpp"

#include <cstdint>
#include <string>

namespace test {

using conductor::linux::Fd;

// --- making them: bytes in network order, checksums correct

struct IpOptions {
  int hops = 64;
  std::string v4_options;         // a multiple of 4 bytes
  std::uint16_t v4_fragment = 0;  // flags and offset
};
// Of the family of `from`; `protocol` is an IP protocol or, with IPv6, the next header.
std::string ip_packet(const std::string& from, const std::string& to, int protocol, const std::string& payload,
                      const IpOptions& options = {});
std::string udp_packet(const std::string& from, const std::string& to, int from_port, int to_port,
                       const std::string& data, const IpOptions& options = {});
std::string tcp_packet(const std::string& from, const std::string& to, int from_port, int to_port, int flags,
                       const std::string& data);
std::string icmp_packet(const std::string& from, const std::string& to, int type, int code, const std::string& rest,
                        const IpOptions& options = {});
std::string udp_header(int from_port, int to_port, const std::string& data);  // without a checksum
// An Ethernet frame; the type follows from an IP packet's version when it is 0.
std::string frame(const std::string& to_mac, const std::string& from_mac, const std::string& payload, int type = 0);
std::string arp_packet(int operation, const std::string& sender_mac, const std::string& sender,
                       const std::string& target_mac, const std::string& target);
std::string address_bytes(const std::string& address);
std::string big_endian(std::uint64_t value, int bytes);

// --- an interface of a namespace (packet(7))

class Wire {
 public:
  Wire(const Fd& space, const std::string& interface);
  const std::string& mac() const { return mac_; }
  void send(const std::string& bytes) const;  // what the interface refuses to send is not sent

  // The next frame that has come in since the wire was made; empty after `milliseconds` without one.
  std::string receive(int milliseconds) const;

 private:
  Fd socket_;
  std::string mac_;
};

}  // namespace test
