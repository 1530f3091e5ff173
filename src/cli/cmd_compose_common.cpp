#include "cli/cmd_compose_common.hpp"

#include "base/text.hpp"
#include "cli/output.hpp"

#include <unistd.h>

#include <filesystem>
#include <map>

namespace conductor::cli {

namespace {

std::map<std::string, std::string> process_environment() {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (const auto equals = text.find('='); equals != std::string_view::npos)
      variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

// What a finished operation is called, in docker's words: what it is about, and what became of it.
struct Finished {
  using Line = std::pair<std::string, std::string>;
  Line operator()(const compose::CreateVolume& o) const { return {"Volume " + o.name, "Created"}; }
  Line operator()(const compose::CreateNetwork& o) const { return {"Network " + o.network.name, "Created"}; }
  Line operator()(const compose::RemoveNetwork& o) const { return {"Network " + o.name, "Removed"}; }
  Line operator()(const compose::BuildImage& o) const { return {"Image " + o.image, "Built"}; }
  Line operator()(const compose::FetchImage& o) const { return {"Image " + o.image, "Ready"}; }
  Line operator()(const compose::CreateContainer& o) const { return {"Container " + o.name, "Created"}; }
  Line operator()(const compose::RecreateContainer& o) const { return {"Container " + o.name, "Recreated"}; }
  Line operator()(const compose::UpdateNetwork& o) const { return {"Container " + o.name, "Network updated"}; }
  Line operator()(const compose::StartContainer& o) const { return {"Container " + o.name, "Started"}; }
  Line operator()(const compose::RestartContainer& o) const { return {"Container " + o.name, "Restarted"}; }
  Line operator()(const compose::StopContainer& o) const { return {"Container " + o.name, "Stopped"}; }
  Line operator()(const compose::RemoveContainer& o) const { return {"Container " + o.name, "Removed"}; }
  Line operator()(const compose::WaitFor& o) const {
    return {"Service " + o.service, o.condition == parser::Condition::completed ? "Completed" : "Healthy"};
  }
  Line operator()(const compose::RemoveVolume& o) const { return {"Volume " + o.name, "Removed"}; }
  Line operator()(const compose::RemoveImage& o) const { return {"Image " + o.image, "Removed"}; }
};

void declare(Options& family, compose::LoadOptions& options) {
  family.option("-f,--file", options.files, "the compose file; - is standard input", "FILE");
  family.option("-p,--project-name", options.project_name, "the project's name", "NAME");
  family.option("--project-directory", options.directory, "where relative paths of the file start", "DIR");
  family.option("--env-file", options.env_files, "variables for the file, instead of .env", "FILE");
  family.option("--profile", options.profiles, "services of that profile, too", "PROFILE");
  family.unsupported("--parallel --compatibility --dry-run --ansi --progress --all-resources");
}

// What is said when an operation that takes long begins; nothing for the others.
std::string beginning(const compose::Operation& operation) {
  if (std::holds_alternative<compose::BuildImage>(operation)) return "Building …";
  if (std::holds_alternative<compose::FetchImage>(operation)) return "Fetching …";
  const auto* wait = std::get_if<compose::WaitFor>(&operation);
  if (wait == nullptr) return {};
  return wait->condition == parser::Condition::completed ? "Waiting until it has completed …"
                                                         : "Waiting until it is healthy …";
}

}  // namespace

ProjectOptions::ProjectOptions(Invocation& call) {
  declare(call.family(), options_);
  call.options().note(
      "Options of the project (-f FILE, -p NAME …) stand before the command: see 'conductor compose --help'.");
}

std::string project_option_lines() {
  compose::LoadOptions unused;
  Options options("compose", "");
  declare(options, unused);
  return options.option_lines();
}

const compose::LoadOptions& ProjectOptions::load_options() {
  if (!complete_) {
    options_.current_directory = std::filesystem::current_path().string();
    options_.environment = process_environment();
    complete_ = true;
  }
  return options_;
}

compose::Project ProjectOptions::load() {
  compose::Project project = compose::load(load_options());
  for (const auto& warning : project.warnings) print_error(base::render(warning, project.text));
  return project;
}

std::optional<compose::Project> ProjectOptions::try_load() {
  if (!compose::find_file(load_options())) return std::nullopt;
  return load();
}

std::string ProjectOptions::name(const std::optional<compose::Project>& project) {
  return project ? project->name : compose::project_name_without_file(load_options());
}

compose::Session Reporter::session(engine::Engine& engine) {
  return {engine,
          [this](const compose::Plan& plan, const compose::Update& step) { update(plan, step); },
          [](const std::string& note) { print_error("note: " + base::escape_control(note)); },
          {}};
}

void Reporter::update(const compose::Plan& plan, const compose::Update& update) const {
  const auto& operation = plan.steps[update.step].operation;
  const auto [subject, ending] = std::visit(Finished{}, operation);
  switch (update.kind) {
    case compose::Update::Kind::begun:
      if (const auto text = beginning(operation); !quiet_ && !text.empty()) print_error(subject + "  " + text);
      break;
    case compose::Update::Kind::output:
      if (!quiet_) print_error(subject + "  | " + base::escape_control(update.text));
      break;
    case compose::Update::Kind::done:
      if (!quiet_) print_error(subject + "  " + ending);
      break;
    case compose::Update::Kind::failed:
      print_error(subject + "  Failed: " + escape_lines(update.text));
      break;
  }
}

std::optional<std::chrono::nanoseconds> grace_of(const std::optional<std::int64_t>& seconds) {
  if (!seconds) return std::nullopt;
  return std::chrono::seconds(*seconds);
}

}  // namespace conductor::cli
