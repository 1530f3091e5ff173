#include "monitor/user_ids.hpp"

#include "base/error.hpp"
#include "linux/namespaces.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>

namespace conductor::monitor {
namespace {

using base::Error;

std::string map_text(const std::vector<IdRange>& ranges) {
  std::string text;
  for (const auto& range : ranges)
    text +=
        std::to_string(range.inside) + " " + std::to_string(range.outside) + " " + std::to_string(range.count) + "\n";
  return text;
}

std::uint32_t outside(const std::vector<IdRange>& ranges, std::uint32_t id, const char* kind) {
  for (const auto& range : ranges)
    if (id >= range.inside && id - range.inside < range.count) return range.outside + (id - range.inside);
  throw Error(std::string(kind) + " " + std::to_string(id) +
              " has no id on the host: the container's map leaves it out");
}

}  // namespace

bool has_own_ids(pid_t process) {
  return !linux::same_namespace(linux::open_namespace(process, "user"), linux::open_own_namespace("user"));
}

linux::Fd make_user_namespace(const IdMaps& ids) {
  return linux::new_user_namespace(map_text(ids.users), map_text(ids.groups));
}

linux::Ids outside_ids(const IdMaps& ids, std::uint32_t user, std::uint32_t group) {
  return {outside(ids.users, user, "user"), outside(ids.groups, group, "group")};
}

void give_streams_to(const ProcessStreams& streams, linux::Ids root) {
  for (std::size_t i = 0; i < streams.fd.size(); ++i)
    if (streams.ours[i] && fchown(streams.fd[i].get(), root.user, root.group) != 0)
      throw Error::from_errno("cannot give a stream to the container");
}

// One that may not be raised (no CAP_SYS_RESOURCE) stays where it is.
void raise_hard_limits(const std::vector<ResourceLimit>& limits) {
  for (const auto& limit : limits) {
    const auto resource = static_cast<__rlimit_resource>(limit.resource);
    rlimit present{};
    if (getrlimit(resource, &present) != 0) throw Error::from_errno("cannot read a resource limit");
    if (limit.hard <= present.rlim_max) continue;
    present.rlim_max = limit.hard;
    if (setrlimit(resource, &present) != 0 && errno != EPERM) throw Error::from_errno("cannot raise a resource limit");
  }
}

}  // namespace conductor::monitor
