// Addresses, and names of hosts with theirs.
#include "parser/diagnostics.hpp"
#include "parser/substitution.hpp"
#include "parser/syntax.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace conductor::parser {

bool is_address(const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  // c_str() ends at a NUL byte that the text may hold.
  if (text.find('\0') != std::string::npos) return false;
  return inet_pton(AF_INET, text.c_str(), bytes.data()) == 1 || inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1;
}

void check_extra_host(const HostEntry& entry) {
  constexpr std::size_t longest = 253;  // of a domain name, RFC 1035
  const auto fits = [](char c) { return is_name_char(c) || c == '-' || c == '.'; };
  if (entry.name.empty() || entry.name.size() > longest || !std::all_of(entry.name.begin(), entry.name.end(), fits))
    throw base::Error(show(entry.name) + " is no name of a host; expected letters, digits, '.', '_' and '-'");
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
