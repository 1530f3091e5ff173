// Capabilities (capabilities(7)) as a set of bits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace conductor::linux {

using CapabilitySet = std::uint64_t;  // bit n is capability n of linux/capability.h

// The 11 a container has by default: 0x800405fb.
CapabilitySet default_capabilities();
CapabilitySet all_capabilities();  // those this process can hand on: its bounding set

// "NET_ADMIN", "CAP_NET_ADMIN", any case → its bit; "ALL" → all; nothing for others.
std::optional<CapabilitySet> parse_capability(const std::string& name);
std::vector<std::string> capability_names(CapabilitySet set);  // "CAP_CHOWN", sorted by number
const std::vector<std::string>& known_capabilities();

// On the calling thread, in this order around the change of user: bounding set first, then the user, then the rest.
void limit_bounding_set(CapabilitySet keep);
// Effective = permitted = `set` (none for a user other than 0), inheritable and ambient empty.
void set_capabilities(CapabilitySet set);

}  // namespace conductor::linux
