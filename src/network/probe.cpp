// Network::probe: what is declared has to open, what is not must not.
#include "base/error.hpp"
#include "linux/namespaces.hpp"
#include "network/network.hpp"
#include "network/probe_plan.hpp"
#include "network/probe_run.hpp"
#include "network/records.hpp"
#include "network/verify_words.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace conductor::network {

namespace {

using Kind = Finding::Kind;

void judge(const ProbeTask& task, ProbeOutcome outcome, std::vector<Finding>& findings) {
  if (outcome == ProbeOutcome::untested) return;
  const bool ping = task.kind == ProbeTask::Kind::icmp;
  std::vector<std::string> ids;
  for (const Endpoint* endpoint : {task.from, task.to})
    if (!endpoint->id.empty()) ids.push_back(endpoint->id);  // the host has none
  const std::string from = display_name(*task.from), verb = ping ? "ping " : "reach ", target = target_words(task);
  if (task.declared && outcome != ProbeOutcome::opened) {
    const std::string what = outcome == ProbeOutcome::refused ? "but is refused" : "but nothing answers";
    findings.push_back({Kind::missing, "probe", from + " may " + verb + target + ", " + what, std::move(ids)});
  } else if (!task.declared && outcome == ProbeOutcome::opened) {
    findings.push_back(
        {Kind::extra, "probe", from + " can " + verb + target + ", which nobody declared", std::move(ids)});
  } else if (!task.declared && outcome == ProbeOutcome::silent && task.kind == ProbeTask::Kind::tcp) {
    findings.push_back(
        {Kind::damaged, "probe", from + " may not reach " + target + ", but is not told so at once", std::move(ids)});
  }
}

// Nothing for one that has just ended, too.
std::optional<linux::Fd> try_open(const Network::NamespaceOpener& opener, const std::string& id) {
  try {
    return opener(id);
  } catch (const base::Error&) {
    return std::nullopt;
  }
}

}  // namespace

std::vector<Finding> Network::probe(const std::vector<std::string>& ids) const {
  const base::Context context("probing the network");
  // Nobody's reach is changed meanwhile.
  const auto shared = lock(store::Lock::Mode::shared);
  const auto attached = records_->attached();
  Endpoint host;
  host.config.names = {"the host"};
  auto tasks = plan_probes(settings_, attached, ids);
  const auto towards_host = plan_host_probes(settings_, attached, ids, host);
  tasks.insert(tasks.end(), towards_host.begin(), towards_host.end());
  std::vector<Finding> findings;
  std::set<std::string> unopened;
  for (std::size_t first = 0; first < tasks.size();) {
    const std::size_t end = std::min(tasks.size(), first + tasks_per_run());
    const std::vector<ProbeTask> batch(tasks.begin() + static_cast<std::ptrdiff_t>(first),
                                       tasks.begin() + static_cast<std::ptrdiff_t>(end));
    std::map<std::string, linux::Fd> spaces;
    spaces.emplace(host.id, linux::open_own_namespace("net"));
    for (const auto& task : batch)
      for (const Endpoint* endpoint : {task.from, task.to}) {
        if (spaces.contains(endpoint->id) || unopened.contains(endpoint->id)) continue;
        if (auto space = try_open(opener_, endpoint->id)) {
          spaces.emplace(endpoint->id, std::move(*space));
          continue;
        }
        unopened.insert(endpoint->id);
        findings.push_back({Kind::missing,
                            "namespace",
                            display_name(*endpoint) + " is recorded as attached, but does not run: it is not probed",
                            {endpoint->id}});
      }
    const auto outcomes = run_probes(batch, spaces);
    for (std::size_t i = 0; i < batch.size(); ++i) judge(batch[i], outcomes[i], findings);
    first = end;
  }
  return findings;
}

}  // namespace conductor::network
