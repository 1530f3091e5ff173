// The stages of a Conductorfile as targets.
#include "base/json.hpp"
#include "builder/outline.hpp"

namespace conductor::builder {

std::vector<TargetRow> targets_of(const StageGraph& graph) {
  std::vector<TargetRow> rows;
  for (const auto& stage : graph.stages)
    rows.push_back({stage.name.empty() ? std::to_string(stage.number) : stage.name, stage.base,
                    description_of(*stage.instructions.front(), stage.name), stage.number + 1 == graph.stages.size()});
  return rows;
}

std::string targets(const BuildOptions& options, bool json) {
  const auto project = read_project(options);
  auto list = base::Json::array();
  std::vector<std::vector<std::string>> rows{{"TARGET", "BASE", "DESCRIPTION"}};
  for (const auto& row : targets_of(project->graph)) {
    rows.push_back({row.name + (row.standard ? " (default)" : ""), row.base, row.description});
    list.add(base::Json::object()
                 .set("name", row.name)
                 .set("default", row.standard)
                 .set("base", row.base)
                 .set("description", row.description));
  }
  return json ? base::Json::object().set("targets", std::move(list)).dump(2) + "\n" : columns(rows);
}

}  // namespace conductor::builder
