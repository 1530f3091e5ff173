#include "compose/apply.hpp"

#include "base/text.hpp"
#include "compose/operations.hpp"
#include "compose/preflight.hpp"

namespace conductor::compose {
namespace {

void tell_of_interruption(const Session& session, const std::string& project) {
  const auto left = Journal::left_behind(session.engine.locations(), project);
  if (!left || !session.note) return;
  std::string note = "'" + left->command + "' did not come to its end";
  if (!left->in_flight.empty()) note += "; it was in the middle of: " + base::join(left->in_flight, ", ");
  session.note(note);
}

void tell_notes(const Session& session, const Plan& plan) {
  if (!session.note) return;
  for (const auto& note : plan.notes) session.note(note);
}

// The caller holds the project's lock.
void carry_out(const Session& session, const Plan& plan, const std::string& command) {
  Journal journal(session.engine.locations(), plan.project, command);
  Executor* running = nullptr;
  Operations operations(session.engine, [&] { return running != nullptr && running->cancelled(); });
  Executor executor([&](const Step& step, const Operations::Output& output) { operations.act(step, output); },
                    session.listener);
  running = &executor;
  operations.interrupt_builds(executor.cancellation());
  if (session.running) session.running(executor);
  const Outcome outcome = executor.run(plan, &journal);
  journal.close();
  require_whole(plan, outcome);
}

}  // namespace

Plan plan_up(engine::Engine& engine, const Project& project, const UpOptions& options) {
  return reconcile_up(project, observe(engine, project.name, &project), options);
}

Plan up(const Session& session, const Project& project, const UpOptions& options) {
  engine::Engine& engine = session.engine;
  Plan plan = plan_up(engine, project, options);
  if (plan.empty() && !Journal::left_behind(engine.locations(), project.name)) {
    engine.network().repair();
    tell_notes(session, plan);
    return plan;
  }
  const auto lock = lock_project(engine.locations(), project.name);
  tell_of_interruption(session, project.name);
  engine.recover();
  const ObservedProject observed = observe(engine, project.name, &project);
  plan = reconcile_up(project, observed, options);
  tell_notes(session, plan);
  preflight(engine, project, observed, plan);
  if (plan.empty())
    Journal::clear(engine.locations(), project.name);
  else
    carry_out(session, plan, "up");
  return plan;
}

Plan build(const Session& session, const Project& project, const std::vector<std::string>& services,
           const BuildWishes& wishes) {
  const Plan plan = reconcile_build(project, services, wishes);
  tell_notes(session, plan);
  if (plan.empty()) return plan;
  const auto lock = lock_project(session.engine.locations(), project.name);
  session.engine.recover();
  preflight(session.engine, project, {}, plan);
  carry_out(session, plan, "build");
  return plan;
}

Plan down(const Session& session, const std::string& name, const Project* project, const DownOptions& options) {
  engine::Engine& engine = session.engine;
  const auto lock = lock_project(engine.locations(), name);
  tell_of_interruption(session, name);
  engine.recover();
  Plan plan = reconcile_down(observe(engine, name, project), project, options);
  if (plan.empty())
    Journal::clear(engine.locations(), name);
  else
    carry_out(session, plan, "down");
  return plan;
}

Plan change(const Session& session, const std::string& name, Lifecycle what, const std::vector<std::string>& services,
            std::optional<std::chrono::nanoseconds> grace) {
  engine::Engine& engine = session.engine;
  const auto lock = lock_project(engine.locations(), name);
  engine.recover();
  const ObservedProject observed = observe(engine, name, nullptr);
  Plan plan;
  switch (what) {
    case Lifecycle::stop:
      plan = reconcile_stop(observed, services, grace);
      break;
    case Lifecycle::start:
      plan = reconcile_start(observed, services);
      break;
    case Lifecycle::restart:
      plan = reconcile_restart(observed, services, grace);
      break;
  }
  static constexpr const char* names[] = {"stop", "start", "restart"};
  if (!plan.empty()) carry_out(session, plan, names[static_cast<int>(what)]);
  return plan;
}

}  // namespace conductor::compose
