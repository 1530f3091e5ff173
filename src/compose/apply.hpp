// The commands on a whole project, as sequences: look, plan, lock, look again, check, act.
#pragma once

#include "compose/executor.hpp"
#include "compose/load.hpp"
#include "compose/reconcile.hpp"
#include "engine/engine.hpp"

#include <optional>
#include <string>
#include <vector>

namespace conductor::compose {

// How a command says what it does, and how it is told to stop.
struct Session {
  engine::Engine& engine;
  Listener listener;
  std::function<void(const std::string&)> note;  // sentences for the user
  std::function<void(Executor&)> running;        // called with the executor before it begins; may be empty
};

// Makes the machine match. Returns the plan that was carried out; empty when there was nothing to do, and then nothing
// was written or locked. Throws Error when not everything succeeded, saying what stands.
Plan up(const Session& session, const Project& project, const UpOptions& options);

// The plan as it would be now.
Plan plan_up(engine::Engine& engine, const Project& project, const UpOptions& options);

Plan build(const Session& session, const Project& project, const std::vector<std::string>& services,
           const BuildWishes& wishes = {});

// `project` may be nullptr when its file is gone; `name` says which.
Plan down(const Session& session, const std::string& name, const Project* project, const DownOptions& options);

enum class Lifecycle { stop, start, restart };
Plan change(const Session& session, const std::string& name, Lifecycle what, const std::vector<std::string>& services,
            std::optional<std::chrono::nanoseconds> grace);

}  // namespace conductor::compose
