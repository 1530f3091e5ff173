// What has gone through the network interfaces of a namespace.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace conductor::linux {

struct LinkCounters {
  std::int64_t received = 0, sent = 0;  // bytes, as the interface itself sees them
};
// Of every interface of the namespace we are in, by name: one question, however many there are.
std::map<std::string, LinkCounters> link_counters();

}  // namespace conductor::linux
