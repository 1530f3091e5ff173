// Changing the limits and the restart policy of a container, running or not.
#include "engine/update.hpp"

#include "base/units.hpp"
#include "engine/directory.hpp"
#include "engine/engine.hpp"
#include "engine/limits.hpp"
#include "engine/state.hpp"
#include "runtime/files.hpp"
#include "runtime/monitor_process.hpp"
#include "store/records.hpp"

#include <unistd.h>

namespace conductor::engine {

namespace {

// There from before the record is changed until kernel and monitor know of it.
std::string unfinished_mark(const store::Locations& locations, const std::string& id) {
  return locations.run(id) + "/update";
}

void tell_restart(const store::Locations& locations, const std::string& id, const monitor::Restart& restart) {
  monitor::Command command;
  command.request = monitor::Request::update;
  command.restart = restart;
  runtime::tell_monitor(runtime::Files(locations, id).control, command);
}

// Version 2 would end its processes, version 1 refuse without a word about why.
void check_room(const linux::Cgroup& group, const linux::CgroupLimits& limits) {
  const auto used = group.memory_usage();
  if (limits.memory && used && *used > *limits.memory)
    throw base::Error("it uses " + base::format_size(*used) + " of memory at present, more than the limit would be");
}

// All or nothing.
void apply(const store::Locations& locations, const Container& before, const Container& after) {
  const linux::Cgroup group(runtime::Files(locations, after.id).cgroup);
  const auto limits = limits_of(after.config);
  const bool other_restart = !(before.config.restart == after.config.restart);
  check_room(group, limits);
  if (other_restart) tell_restart(locations, after.id, after.config.restart);
  try {
    group.update(limits);
  } catch (...) {
    base::Collector ignored;  // the failure itself is what the user needs to know
    if (other_restart) ignored.attempt([&] { tell_restart(locations, before.id, before.config.restart); });
    throw;
  }
}

void check_restart(const ContainerConfig& config) {
  if (config.auto_remove && config.restart.policy != monitor::RestartPolicy::no)
    throw base::Error("it is removed when it ends (--rm), so it cannot have a restart policy");
}

}  // namespace

void tell_restart(const store::Locations& locations, const std::string& id) {
  if (const auto container = read_container(locations, id)) tell_restart(locations, id, container->config.restart);
}

void finish_update(const store::Locations& locations, const std::string& id) {
  const std::string mark = unfinished_mark(locations, id);
  if (access(mark.c_str(), F_OK) != 0) return;
  const auto lock = try_lock_directory(locations, id);
  if (!lock || access(mark.c_str(), F_OK) != 0) return;  // somebody is at it
  if (const auto container = read_container(locations, id)) {
    tell_restart(locations, id, container->config.restart);
    linux::Cgroup(runtime::Files(locations, id).cgroup).update(limits_of(container->config));
  }
  store::remove_file(mark);
}

void Engine::update(const std::string& id, const Changes& changes) {
  const auto lock = lock_directory(locations_, id);
  const Container before = find(id);
  const base::Context context("updating container " + before.config.name);
  Container after = before;
  auto& limits = after.config.limits;
  auto wanted = changes.limits;
  name_devices(wanted, locations_.root);
  change_limits(limits, wanted);
  if (changes.restart) after.config.restart = *changes.restart;
  check_restart(after.config);
  check_limits(limits);
  if (!is_active(runtime_.status(id))) return write_container(locations_, after);

  const std::string mark = unfinished_mark(locations_, id);
  store::create_exclusively(mark, "", false);
  try {
    write_container(locations_, after);
    try {
      apply(locations_, before, after);
    } catch (...) {
      if (is_active(runtime_.status(id))) throw;  // else it has ended meanwhile: the record is all there is
    }
  } catch (...) {
    base::Collector ignored;
    ignored.attempt([&] {
      write_container(locations_, before);
      store::remove_file(mark);
    });
    throw;
  }
  store::remove_file(mark);
}

}  // namespace conductor::engine
