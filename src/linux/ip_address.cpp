#include "linux/ip_address.hpp"

#include "base/units.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

namespace conductor::linux {

namespace {

// The bits of byte `index` that belong to a prefix of that length.
std::uint8_t mask_of_byte(int length, std::size_t index) {
  const int bits = std::clamp(length - static_cast<int>(index) * 8, 0, 8);
  return static_cast<std::uint8_t>(0xff00U >> static_cast<unsigned>(bits));
}

}  // namespace

std::string to_text(Ipv4 address) { return to_text(IpAddress(address)); }

std::optional<Ipv4> parse_ipv4(const std::string& text) {
  in_addr value{};
  if (inet_pton(AF_INET, text.c_str(), &value) != 1) return std::nullopt;
  return ntohl(value.s_addr);
}

IpAddress::IpAddress(Ipv4 address) {
  for (std::size_t i = 0; i < 4; ++i) bytes[i] = static_cast<std::uint8_t>(address >> (24U - 8U * i));
}

Ipv4 IpAddress::ipv4() const {
  Ipv4 value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = (value << 8U) | bytes[i];
  return value;
}

std::string to_text(const IpAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  return inet_ntop(address.v6 ? AF_INET6 : AF_INET, address.bytes.data(), text.data(), text.size());
}

std::optional<IpAddress> parse_ip(std::string_view text) {
  const std::string word(text);
  IpAddress address;
  if (inet_pton(AF_INET, word.c_str(), address.bytes.data()) == 1) return address;
  address.v6 = true;
  if (inet_pton(AF_INET6, word.c_str(), address.bytes.data()) == 1) return address;
  return std::nullopt;
}

bool IpPrefix::contains(const IpAddress& other) const {
  return other.v6 == address.v6 && prefix_of(other, length).address == address;
}

bool IpPrefix::overlaps(const IpPrefix& other) const { return contains(other.address) || other.contains(address); }

IpAddress IpPrefix::last() const {
  IpAddress result = address;
  for (std::size_t i = 0; i < result.size(); ++i)
    result.bytes[i] = static_cast<std::uint8_t>(result.bytes[i] | static_cast<std::uint8_t>(~mask_of_byte(length, i)));
  return result;
}

std::string to_text(const IpPrefix& prefix) {
  const std::string address = to_text(prefix.address);
  return prefix.length == prefix.address.bits() ? address : address + "/" + std::to_string(prefix.length);
}

std::optional<IpPrefix> parse_prefix(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = parse_ip(text.substr(0, slash));
  if (!address) return std::nullopt;
  if (slash == std::string_view::npos) return IpPrefix{*address, address->bits()};
  const auto length = base::parse_number(std::string(text.substr(slash + 1)), address->bits());
  if (!length) return std::nullopt;
  return prefix_of(*address, static_cast<int>(*length));
}

IpPrefix prefix_of(const IpAddress& address, int length) {
  IpPrefix prefix{address, length};
  for (std::size_t i = 0; i < address.size(); ++i)
    prefix.address.bytes[i] = static_cast<std::uint8_t>(address.bytes[i] & mask_of_byte(length, i));
  return prefix;
}

}  // namespace conductor::linux
