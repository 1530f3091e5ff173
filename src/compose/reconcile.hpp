// Desired and observed → plan. Pure functions: nothing is asked of the machine, nothing is done.
#pragma once

#include "compose/observed.hpp"
#include "compose/plan.hpp"
#include "compose/project.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace conductor::compose {

struct UpOptions {
  std::vector<std::string> services;  // none: all active ones
  bool dependencies = true;           // what they depend on, too
  bool force_recreate = false;
  bool start = true;            // false: create only
  bool remove_orphans = false;  // containers of services the file does not name
  bool wait = false;            // until services with a health check are healthy
};
// The smallest set of operations that makes the machine match; empty when it does. Operations of a service come after
// those of what it depends on.
Plan reconcile_up(const Project& desired, const ObservedProject& observed, const UpOptions& options);

// One build for each image of the services (none named: all) that has a build section.
struct BuildWishes {
  bool no_cache = false, pull = false;
  std::map<std::string, std::string> args;  // beside those of the file, and stronger
};
Plan reconcile_build(const Project& desired, const std::vector<std::string>& services, const BuildWishes& wishes = {});

enum class RemoveImages { none, local, all };
struct DownOptions {
  bool volumes = false;  // those the project has made, and anonymous ones
  RemoveImages images = RemoveImages::none;
  std::optional<std::chrono::nanoseconds> grace;  // nothing: each container's own
};
// From the machine alone; `desired` adds images of services without containers and may be nullptr. Dependants go first.
Plan reconcile_down(const ObservedProject& observed, const Project* desired, const DownOptions& options);

// Of existing containers, of the named services or all, in the order of what they were made to depend on.
Plan reconcile_stop(const ObservedProject& observed, const std::vector<std::string>& services,
                    std::optional<std::chrono::nanoseconds> grace = std::nullopt);
Plan reconcile_start(const ObservedProject& observed, const std::vector<std::string>& services);
Plan reconcile_restart(const ObservedProject& observed, const std::vector<std::string>& services,
                       std::optional<std::chrono::nanoseconds> grace = std::nullopt);

}  // namespace conductor::compose
