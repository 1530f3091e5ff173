#include "compose/plan.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace conductor::compose {
namespace {

struct Title {
  std::string operator()(const CreateVolume& o) const { return "create volume " + o.name; }
  std::string operator()(const CreateNetwork& o) const { return "create network " + o.network.name; }
  std::string operator()(const RemoveNetwork& o) const { return "remove network " + o.name; }
  std::string operator()(const BuildImage& o) const { return "build image " + o.image; }
  std::string operator()(const FetchImage& o) const { return "fetch image " + o.image; }
  std::string operator()(const CreateContainer& o) const { return "create container " + o.name; }
  std::string operator()(const RecreateContainer& o) const { return "recreate container " + o.name; }
  std::string operator()(const UpdateNetwork& o) const { return "update network of container " + o.name; }
  std::string operator()(const StartContainer& o) const { return "start container " + o.name; }
  std::string operator()(const RestartContainer& o) const { return "restart container " + o.name; }
  std::string operator()(const StopContainer& o) const { return "stop container " + o.name; }
  std::string operator()(const RemoveContainer& o) const { return "remove container " + o.name; }
  std::string operator()(const WaitFor& o) const {
    switch (o.condition) {
      case parser::Condition::healthy:
        return "wait until " + o.service + " is healthy";
      case parser::Condition::completed:
        return "wait until " + o.service + " has completed";
      case parser::Condition::started:
        break;
    }
    return "wait until " + o.service + " has started";
  }
  std::string operator()(const RemoveVolume& o) const { return "remove volume " + o.name; }
  std::string operator()(const RemoveImage& o) const { return "remove image " + o.image; }
};

base::Json to_json(const Cause& cause) {
  base::Json json = base::Json::object();
  if (cause.position.line > 0) {
    json.set("file", cause.position.file);
    json.set("line", cause.position.line);
    json.set("column", cause.position.column);
  }
  if (!cause.reason.empty()) json.set("reason", cause.reason);
  if (!cause.key.empty()) {
    json.set("key", cause.key);
    json.set("old", cause.before);
    json.set("new", cause.after);
  }
  return json;
}

// Numbers as people count: from 1.
base::Json to_json(const Step& step, std::size_t index) {
  base::Json json = base::Json::object();
  json.set("number", index + 1);
  std::visit(
      [&](const auto& operation) {
        json.set("type", operation.type);
        const base::Json members = base::to_json(operation);
        for (const auto& [name, value] : *members.members()) json.set(name, value);
      },
      step.operation);
  base::Json causes = base::Json::array();
  for (const auto& cause : step.causes) causes.add(to_json(cause));
  json.set("causes", causes);
  base::Json after = base::Json::array();
  for (const auto before : step.after) after.add(before + 1);
  json.set("after", after);
  return json;
}

}  // namespace

std::string title(const Operation& operation) { return std::visit(Title{}, operation); }

std::string service_of(const Operation& operation) {
  return std::visit(
      [](const auto& o) -> std::string {
        if constexpr (requires { o.service; })
          return o.service;
        else
          return {};
      },
      operation);
}

std::string to_text(const Cause& cause) {
  std::string text;
  if (cause.position.line > 0) text = cause.position.file + ":" + std::to_string(cause.position.line) + ": ";
  text += cause.key.empty() ? cause.reason : cause.key + ": " + cause.before + " -> " + cause.after;
  return base::escape_control(text);
}

std::size_t Plan::add(Operation operation, std::vector<Cause> causes, std::vector<std::size_t> after) {
  std::ranges::sort(after);
  const auto repeated = std::ranges::unique(after);
  after.erase(repeated.begin(), repeated.end());
  steps.push_back({std::move(operation), std::move(causes), std::move(after)});
  return steps.size() - 1;
}

std::string to_text(const Plan& plan) {
  std::string text;
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const Step& step = plan.steps[i];
    const std::string number = std::to_string(i + 1);
    text += std::string(number.size() < 3 ? 3 - number.size() : 0, ' ') + number + ". " + title(step.operation);
    std::vector<std::string> after;
    after.reserve(step.after.size());
    for (const auto before : step.after) after.push_back(std::to_string(before + 1));
    if (!after.empty()) text += " (after " + base::join(after, ", ") + ")";
    text += "\n";
    for (const auto& cause : step.causes) text += "       " + to_text(cause) + "\n";
  }
  for (const auto& note : plan.notes) text += "note: " + base::escape_control(note) + "\n";
  return text;
}

base::Json to_json(const Plan& plan) {
  base::Json json = base::Json::object();
  json.set("format", 1);
  json.set("project", plan.project);
  base::Json operations = base::Json::array();
  for (std::size_t i = 0; i < plan.steps.size(); ++i) operations.add(to_json(plan.steps[i], i));
  json.set("operations", operations);
  json.set("notes", base::to_json(plan.notes));
  return json;
}

}  // namespace conductor::compose
