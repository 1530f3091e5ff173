// A container's ids on the host.
#pragma once

#include "linux/user_namespace.hpp"
#include "monitor/confine.hpp"
#include "monitor/protocol.hpp"

namespace conductor::monitor {

// True: the container has a user namespace of its own.
inline bool has_own_ids(const IdMaps& ids) { return !ids.users.empty(); }

// The same of a running one, by its first process.
bool has_own_ids(pid_t process);

linux::Fd make_user_namespace(const IdMaps& ids);

// What an id inside is on the host. Throws Error when it has no place there.
linux::Ids outside_ids(const IdMaps& ids, std::uint32_t user, std::uint32_t group);

// What follows needs the rights of the host's root, so it comes before a process enters the user namespace.

// Streams that are `ours` belong to root of the container, who may open them anew and give them to others.
void give_streams_to(const ProcessStreams& streams, linux::Ids root);
// Hard limits that are to be higher than ours: only the host's root may raise them.
void raise_hard_limits(const std::vector<ResourceLimit>& limits);

}  // namespace conductor::monitor
