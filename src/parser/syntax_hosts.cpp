// Addresses, and names of hosts with theirs.
#include "base/units.hpp"
#include "parser/diagnostics.hpp"
#include "parser/substitution.hpp"
#include "parser/syntax.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace conductor::parser {
namespace {

using Bytes = std::array<unsigned char, sizeof(in6_addr)>;

int family_of(const std::string& address) { return address.find(':') == std::string::npos ? AF_INET : AF_INET6; }

Bytes bytes_of(const std::string& address) {
  Bytes bytes{};
  inet_pton(family_of(address), address.c_str(), bytes.data());
  return bytes;
}

// The others are zero.
Bytes first_bits(Bytes bytes, std::size_t length) {
  for (std::size_t bit = length; bit < 8 * bytes.size(); ++bit)
    bytes[bit / 8] = static_cast<unsigned char>(bytes[bit / 8] & ~(0x80U >> (bit % 8)));
  return bytes;
}

}  // namespace

bool is_address(const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  // c_str() ends at a NUL byte that the text may hold.
  if (text.find('\0') != std::string::npos) return false;
  return inet_pton(AF_INET, text.c_str(), bytes.data()) == 1 || inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1;
}

std::string parse_subnet(std::string_view text) {
  const auto slash = text.find('/');
  const std::string address(text.substr(0, slash));
  if (slash == std::string_view::npos || !is_address(address))
    throw base::Error(show(text) + " is no subnet; expected for example 172.28.0.0/16 or fd00:1::/64");
  const int bits = family_of(address) == AF_INET ? 32 : 128;
  const auto length = base::parse_number(text.substr(slash + 1), bits - 2);
  if (!length || *length < 1)
    throw base::Error(show(text) + ": expected a prefix length of 1-" + std::to_string(bits - 2) + ", not " +
                      show(text.substr(slash + 1)));
  const Bytes written = bytes_of(address);
  const Bytes first = first_bits(written, static_cast<std::size_t>(*length));
  std::array<char, INET6_ADDRSTRLEN> shortest{};
  inet_ntop(family_of(address), first.data(), shortest.data(), shortest.size());
  std::string network = std::string(shortest.data()) + "/" + std::to_string(*length);
  if (first != written) throw base::Error(show(text) + " has bits beyond its prefix; did you mean " + network + "?");
  return network;
}

bool subnet_contains(const std::string& subnet, const std::string& address) {
  const auto slash = subnet.find('/');
  const std::string network = subnet.substr(0, slash);
  const auto length = base::parse_number(subnet.substr(slash + 1), 128);
  return length && is_address(network) && is_address(address) && family_of(network) == family_of(address) &&
         first_bits(bytes_of(address), static_cast<std::size_t>(*length)) == bytes_of(network);
}

void check_host_name(const std::string& name) {
  constexpr std::size_t longest = 253;  // of a domain name, RFC 1035
  const auto fits = [](char c) { return is_name_char(c) || c == '-' || c == '.'; };
  if (name.empty() || name.size() > longest || !std::all_of(name.begin(), name.end(), fits))
    throw base::Error(show(name) + " is no name of a host; expected letters, digits, '.', '_' and '-'");
}

void check_extra_host(const HostEntry& entry) {
  check_host_name(entry.name);
  if (!is_address(entry.address))
    throw base::Error(show(entry.address) + " is no IP address, for host " + show(entry.name));
}

HostEntry parse_extra_host(std::string_view text) {
  const auto separator = text.find_first_of(":=");
  if (separator == std::string_view::npos || separator == 0 || separator + 1 == text.size())
    throw base::Error(show(text) + ": expected NAME:ADDRESS");
  HostEntry entry{std::string(text.substr(0, separator)), std::string(text.substr(separator + 1))};
  if (entry.address.starts_with('[') && entry.address.ends_with(']'))
    entry.address = entry.address.substr(1, entry.address.size() - 2);
  check_extra_host(entry);
  return entry;
}

void check_name_server(const std::string& address) {
  if (!is_address(address)) throw base::Error(show(address) + " is no IP address of a name server");
}

}  // namespace conductor::parser
