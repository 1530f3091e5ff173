// Connections the kernel tracks (nf_conntrack, ctnetlink): forgotten, listed, observed.
#pragma once

#include "linux/fd.hpp"
#include "linux/ip_address.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace conductor::linux {

// As its first packet was sent, and where that went behind address translation.
struct Connection {
  std::uint8_t protocol = 0;  // IPPROTO_*
  IpAddress source, destination;
  std::uint16_t source_port = 0, destination_port = 0;  // 0 where the protocol has none
  IpAddress translated_destination;                     // source of the replies
  std::uint16_t translated_port = 0;
  auto operator<=>(const Connection&) const = default;
};

// Those with an end in one of the ranges that are `unwanted`. The kernel walks through its whole table once (some
// milliseconds, for the table is as large as the memory suggests, not as full).
void forget_connections(const std::vector<IpPrefix>& ranges, const std::function<bool(const Connection&)>& unwanted);
// Those an address has opened or answers (with `peer`: between the two). The kernel selects where it can (Linux 5.8),
// so that a busy host's table is not read through.
void forget_connections(const IpAddress& address, const std::optional<IpAddress>& peer = std::nullopt);
// Those with an end in one of the ranges.
std::vector<Connection> connections(const std::vector<IpPrefix>& ranges);
// Calls `each` for every new connection with an end in one of the ranges until `stop` becomes readable or the time is
// over. Events that the kernel had to drop are said by the return value.
struct Observation {
  bool complete = true;
};
Observation observe_connections(const std::vector<IpPrefix>& ranges, std::int64_t milliseconds, int stop,
                                const std::function<void(const Connection&)>& each);

}  // namespace conductor::linux
