// What killed commands, lost monitors and reboots leave behind is put in order here. Nothing another command is working
// on is touched: it holds the lock of the container's directory.
#include "base/log.hpp"
#include "base/text.hpp"
#include "engine/directory.hpp"
#include "engine/engine.hpp"
#include "engine/id_ranges.hpp"
#include "engine/state.hpp"
#include "engine/update.hpp"
#include "linux/process.hpp"
#include "monitor/restart.hpp"
#include "store/records.hpp"

#include <unistd.h>

#include <algorithm>
#include <iterator>

namespace conductor::engine {

namespace {

// One object that cannot be recovered does not keep the others from it, nor the command that was asked for.
template <class Step>
void attempt(const std::string& what, Step&& step) {
  try {
    step();
  } catch (const base::Error& e) {
    base::log(base::LogLevel::warning, "recovering " + what + ": " + e.message());
  }
}

bool is_attached(const network::Network& network, const std::string& id) {
  const auto ids = network.attached_ids();
  return std::binary_search(ids.begin(), ids.end(), id);
}

}  // namespace

void Engine::recover() {
  attempt("records", [&] {
    for (const auto& directory : {locations_.names(), locations_.projects(), locations_.state})
      store::sweep_temporary_files(directory);
  });
  recover_remains();
  recover_names();
  attempt("ids", [&] { recover_ids(locations_); });
  recover_ended();
  attempt("temporary files", [&] { store::sweep_temporary(locations_.temporary()); });
  attempt("the network", [&] { network_.repair(); });
}

// Directories without record: half made, half removed, or of a build step.
void Engine::recover_remains() {
  for (const auto& id : store::list_directory(locations_.containers())) {
    if (has_record(locations_, id)) continue;
    attempt(base::short_id(id), [&] {
      const auto lock = try_lock_directory(locations_, id);
      if (!lock || has_record(locations_, id)) return;
      if (is_active(runtime_.status(id))) runtime_.stop(id, std::chrono::nanoseconds(0));
      remove_remains(id, std::nullopt, !keeps_volumes(locations_, id));
    });
  }
}

// Names that lead to no container. Each container has one, so equal numbers need no closer look.
void Engine::recover_names() {
  const auto names = store::list_directory(locations_.names());
  const auto ids = recorded_ids(locations_);
  if (names.size() == ids.size()) return;
  for (const auto& name : names) {
    const auto id = id_of_name(locations_, name);
    if (!id || std::binary_search(ids.begin(), ids.end(), *id)) continue;
    attempt("the name " + name, [&] {
      const bool known = access(locations_.container(*id).c_str(), F_OK) == 0;
      if (!known) give_up_name(locations_, name, *id);
    });
  }
}

// Containers that ended while nobody watched still have their place in the network, and mostly a run directory. After a
// reboot every one is looked at; later only these.
void Engine::recover_ended() {
  const std::string run_directories = locations_.state + "/containers";
  const std::string marker = locations_.state + "/recovered-" + linux::boot_id();
  const bool first_since_boot = access(marker.c_str(), F_OK) != 0;
  const auto known = first_since_boot ? recorded_ids(locations_) : store::list_directory(run_directories);
  const auto attached = network_.attached_ids();
  std::vector<std::string> ids;
  std::set_union(known.begin(), known.end(), attached.begin(), attached.end(), std::back_inserter(ids));
  for (const auto& id : ids) attempt(base::short_id(id), [&] { recover_ended(id, !first_since_boot); });
  if (first_since_boot) store::create_exclusively(marker, "");
}

// Whoever starts a container holds its lock until it runs: with the lock in our hands, one that is only created was
// given up, and so was a run directory or a place in the network without status.
void Engine::recover_ended(const std::string& id, bool since_boot) {
  auto status = runtime_.status(id);
  if (status && is_active(status) && status->phase != monitor::Phase::created) return finish_update(locations_, id);
  auto lock = try_lock_directory(locations_, id);
  if (!lock) {
    // Somebody works on it, a build step perhaps; or it is gone but for this.
    if (access(locations_.container(id).c_str(), F_OK) == 0) return;
    if (is_attached(network_, id)) network_.forget(id);
    return runtime_.clean(id);
  }
  status = runtime_.status(id);
  if (status && status->phase == monitor::Phase::created) {
    runtime_.stop(id, std::chrono::nanoseconds(0));
  } else if (is_active(status)) {
    return;
  } else if (!status) {
    if (access(locations_.run(id).c_str(), F_OK) == 0 || is_attached(network_, id)) clean_up(id);
    return;
  }
  lock.reset();
  settle(id);
  if (since_boot && status) restart_lost(id, *status);
}

// One whose monitor died together with it, or between two runs: nobody was left to do as its policy says.
void Engine::restart_lost(const std::string& id, const monitor::Status& status) {
  if (status.phase != monitor::Phase::exited || status.exit_code >= 0) return;
  const auto container = read_container(locations_, id);
  if (!container ||
      !monitor::wants_restart(container->config.restart, status.exit_code, status.restarts, status.stopped_by_user))
    return;
  base::log(base::LogLevel::info, "starting " + container->config.name + " again: its monitor had died");
  start(id);
}

// --- verifying
// ----------------------------------------------------------------------------------------------------------

std::vector<network::Finding> Engine::verify_network() {
  auto findings = network_.verify();
  while (!findings.empty() && settle_ended()) findings = network_.verify();
  return findings;
}

// Those whose end nobody has told the network of yet. True when there was one.
bool Engine::settle_ended() {
  bool settled = false;
  for (const auto& id : network_.attached_ids())
    attempt(base::short_id(id), [&] {
      if (runtime_.running(id)) return;
      settle(id);
      settled = settled || !is_attached(network_, id);
    });
  return settled;
}

}  // namespace conductor::engine
