// What the words of `compose` share: which project is meant, and how its changes are told.
#pragma once

#include "cli/commands.hpp"
#include "compose/apply.hpp"
#include "compose/load.hpp"

#include <csignal>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace conductor::cli {

// -f, -p, --project-directory, --env-file, --profile: between `compose` and its command.
class ProjectOptions {
 public:
  // Declares them; call before Invocation::parse, keep until after.
  explicit ProjectOptions(Invocation& call);
  const compose::LoadOptions& load_options();
  // Throws when there is no file. Warnings of the file are printed.
  compose::Project load();
  // Nothing when there is no file and none was named: then the name alone says which project is meant.
  std::optional<compose::Project> try_load();
  std::string name(const std::optional<compose::Project>& project);

 private:
  compose::LoadOptions options_;
  bool complete_ = false;
};

// "Container shop-web-1  Started": one line for each step that has ended, and the output of builds, on standard error.
class Reporter {
 public:
  explicit Reporter(bool quiet = false) : quiet_(quiet) {}
  compose::Session session(engine::Engine& engine);

 private:
  bool quiet_;
  void update(const compose::Plan& plan, const compose::Update& update) const;
};

// -t of several commands: seconds; nothing when it was not given.
std::optional<std::chrono::nanoseconds> grace_of(const std::optional<std::int64_t>& seconds);

}  // namespace conductor::cli
