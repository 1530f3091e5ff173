// What runs again after the machine has started, and what is stopped before it goes down.
#include "base/log.hpp"
#include "engine/engine.hpp"
#include "engine/state.hpp"
#include "linux/process.hpp"
#include "store/records.hpp"

#include <algorithm>
#include <atomic>
#include <functional>
#include <thread>
#include <vector>

namespace conductor::engine {

namespace {

// Those that `shut_down` has stopped and `boot` is to start: nobody has asked for their end.
struct ToStart {
  std::vector<std::string> ids;
};
template <base::Is<ToStart> S, class V>
void fields(S& s, V&& v) {
  v("ids", s.ids);
}

std::string to_start_path(const store::Locations& locations) { return locations.root + "/start-at-boot.json"; }

bool comes_back(const Container& container) {
  const auto policy = container.config.restart.policy;
  return policy == monitor::RestartPolicy::always || policy == monitor::RestartPolicy::unless_stopped;
}

// It ran, or waited for its next run, when the machine went down.
bool ended_with_its_boot(const monitor::Status& status) {
  return status.started_at != 0 && !status.stopped_by_user && status.monitor.boot_id != linux::boot_id();
}

// Calls `step` with each; false when one of them failed, which is told and keeps nobody from it.
bool told_each(const std::vector<Container>& containers, const std::function<void(const Container&)>& step) {
  bool all = true;
  for (const auto& container : containers) {
    try {
      step(container);
    } catch (const base::Error& e) {
      base::log(base::LogLevel::error, container.config.name + ": " + e.message());
      all = false;
    }
  }
  return all;
}

}  // namespace

bool Engine::boot() {
  const auto remembered = store::read_record<ToStart>(to_start_path(locations_)).value_or(ToStart{}).ids;
  std::vector<Container> wanted;
  for (const auto& [container, status, endpoint] : list()) {
    const bool stopped_by_us = std::find(remembered.begin(), remembered.end(), container.id) != remembered.end();
    if (comes_back(container) && !is_active(status) && (stopped_by_us || ended_with_its_boot(status)))
      wanted.push_back(container);
  }
  std::reverse(wanted.begin(), wanted.end());  // in the order in which they were made
  // A network that is shared has to be there before those who share it.
  std::stable_partition(wanted.begin(), wanted.end(),
                        [](const Container& c) { return c.config.network != NetworkMode::container; });
  const bool all = told_each(wanted, [&](const Container& container) { start(container.id); });
  store::remove_file(to_start_path(locations_));
  return all;
}

bool Engine::shut_down() {
  std::vector<Container> running;
  ToStart again;
  for (const auto& [container, status, endpoint] : list()) {
    if (!is_active(status) || status.monitor.pid == 0) continue;  // never started: it has no monitor
    running.push_back(container);
    if (comes_back(container) && !status.stopped_by_user) again.ids.push_back(container.id);
  }
  if (!again.ids.empty()) store::write_record(to_start_path(locations_), again);
  std::atomic<bool> all = true;
  std::vector<std::jthread> stopping;
  for (const auto& container : running)
    stopping.emplace_back([&, container] {
      if (!told_each({container}, [&](const Container& c) { stop(c.id); })) all = false;
    });
  stopping.clear();
  return all;
}

}  // namespace conductor::engine
