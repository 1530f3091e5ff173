#include "engine/usage.hpp"

#include "engine/state.hpp"
#include "runtime/files.hpp"

#include <unistd.h>

#include <ctime>
#include <map>

namespace conductor::engine {

namespace {

using Counters = std::map<std::string, linux::LinkCounters>;

std::int64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

linux::Cgroup group_of(const Engine& engine, const std::string& id) {
  return linux::Cgroup(runtime::Files(engine.locations(), id).cgroup);
}

std::optional<network::Endpoint> endpoint_of(Engine& engine, const Observed& observed) {
  const auto& config = observed.container.config;
  if (config.network != NetworkMode::container) return observed.endpoint;
  const auto other = engine.try_find(config.network_container);
  return other ? engine.network().find(other->id) : std::nullopt;
}

// What the host's end of a veth has sent is what the container has received.
linux::LinkCounters network_of(Engine& engine, const Observed& observed, const Counters& counters) {
  const auto endpoint = endpoint_of(engine, observed);
  const auto found = endpoint ? counters.find(endpoint->interface) : counters.end();
  if (found == counters.end()) return {};
  return {found->second.sent, found->second.received};
}

}  // namespace

std::vector<Usage> measure(Engine& engine, const std::vector<Observed>& containers) {
  const Counters counters = linux::link_counters();
  std::vector<Usage> all;
  all.reserve(containers.size());
  for (const auto& observed : containers) {
    auto& usage = all.emplace_back();
    usage.time_ns = monotonic_ns();
    usage.running = is_active(observed.status) && observed.status.process.pid != 0;
    if (!usage.running) continue;
    usage.group = linux::usage_of(group_of(engine, observed.container.id));
    usage.network = network_of(engine, observed, counters);
  }
  return all;
}

std::vector<pid_t> processes_of(Engine& engine, const Container& container) {
  const auto status = engine.runtime().status(container.id);
  if (!is_active(status) || status->process.pid == 0)
    throw base::Error("container '" + container.config.name + "' is not running");
  return group_of(engine, container.id).processes();
}

std::int64_t memory_of_machine() { return std::int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE); }

}  // namespace conductor::engine
