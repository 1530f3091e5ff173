// IPv4 and IPv6 addresses and networks as values (inet_pton(3)).
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace conductor::linux {

using Ipv4 = std::uint32_t;  // host byte order: 10.0.0.1 is 0x0a000001
std::string to_text(Ipv4 address);
std::optional<Ipv4> parse_ipv4(const std::string& text);

struct IpAddress {
  bool v6 = false;
  std::array<std::uint8_t, 16> bytes{};  // network byte order; IPv4: the first four

  IpAddress() = default;
  IpAddress(Ipv4 address);  // NOLINT(google-explicit-constructor): an IPv4 address is one
  std::size_t size() const { return v6 ? 16 : 4; }
  int bits() const { return v6 ? 128 : 32; }
  bool is_any() const { return bytes == std::array<std::uint8_t, 16>{}; }
  Ipv4 ipv4() const;  // of an IPv4 address
  std::string wire() const { return {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size())}; }
  auto operator<=>(const IpAddress&) const = default;
};
std::string to_text(const IpAddress& address);
std::optional<IpAddress> parse_ip(std::string_view text);  // an IPv6 address without brackets or zone

struct IpPrefix {
  IpAddress address;  // host bits are zero
  int length = 0;

  bool contains(const IpAddress& other) const;  // false across families
  bool overlaps(const IpPrefix& other) const;
  IpAddress first() const { return address; }
  IpAddress last() const;
  auto operator<=>(const IpPrefix&) const = default;
};
std::string to_text(const IpPrefix& prefix);                  // "10.231.0.0/16"; an address alone without "/32"
std::optional<IpPrefix> parse_prefix(std::string_view text);  // host bits are cleared; an address alone is whole
IpPrefix prefix_of(const IpAddress& address, int length);     // clears the host bits

}  // namespace conductor::linux
