#include "compose/reach_check.hpp"

#include "base/text.hpp"
#include "compose/collect.hpp"
#include "compose/decide.hpp"

#include <algorithm>
#include <set>

namespace conductor::compose {
namespace {

using network::Finding;

constexpr const char* container_object = "container";

// "…: run compose up" is what mends all of them.
Finding finding(Finding::Kind kind, const std::string& text) {
  return {kind, container_object, text + ": run 'conductor compose up'"};
}

std::string causes_text(const std::vector<Cause>& causes) {
  return base::join(collect(causes, [](const Cause& cause) { return to_text(cause); }), "; ");
}

void compare(const Decision& decision, std::vector<Finding>& findings) {
  const std::string& name = decision.config.name;
  switch (decision.action) {
    case Action::create:
      findings.push_back(finding(Finding::Kind::missing, name + " does not exist"));
      return;
    case Action::start:
      findings.push_back(
          finding(Finding::Kind::missing, name + " does not run: " + state_text(decision.existing->status)));
      return;
    case Action::recreate:
    case Action::restart:
      findings.push_back(
          finding(Finding::Kind::damaged, name + " is not as the file says: " + causes_text(decision.causes)));
      break;
    case Action::keep:
      break;
  }
  if (!decision.network.empty())
    findings.push_back(finding(Finding::Kind::damaged,
                               "the reach of " + name + " is not as the file says: " + causes_text(decision.network)));
}

}  // namespace

std::vector<Finding> compare_with_file(const Project& project, const ObservedProject& observed) {
  std::vector<Finding> findings;
  for (const auto& decision : decide(project, select(project, {}, true), observed, {})) compare(decision, findings);
  for (const auto& container : observed.containers) {
    const DesiredService* service = project.find(container.service);
    const bool surplus = service == nullptr || container.number > static_cast<int>(service->containers.size());
    if (surplus && container.running())
      findings.push_back({Finding::Kind::extra, container_object,
                          container.name() + " runs, and the file does not name it: run 'conductor compose up" +
                              (service == nullptr ? " --remove-orphans'" : "'")});
  }
  return findings;
}

std::vector<Finding> findings_about(const std::string& project, std::vector<Finding> findings,
                                    const std::vector<network::Endpoint>& endpoints) {
  std::set<std::string> own;
  for (const auto& endpoint : endpoints)
    if (std::ranges::any_of(endpoint.config.groups,
                            [&](const std::string& group) { return group.starts_with(project + "/"); }))
      own.insert(endpoint.id);
  std::erase_if(findings, [&](const Finding& finding) {
    return !finding.ids.empty() &&
           std::ranges::none_of(finding.ids, [&](const std::string& id) { return own.contains(id); });
  });
  return findings;
}

}  // namespace conductor::compose
