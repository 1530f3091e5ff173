#include "cli/exec_options.hpp"

#include "cli/run_options.hpp"

namespace conductor::cli {

void ExecOptions::declare(Options& options) {
  options.flag("-d,--detach", plain_.detach, "run in the background");
  options.option("-e,--env", variables_, "an environment variable, NAME=value or NAME", "VARIABLE");
  options.option("--env-file", files_, "a file of environment variables", "FILE");
  options.option("-u,--user", plain_.user, "user and group, by name or number", "USER[:GROUP]");
  options.option("-w,--workdir", plain_.working_directory, "working directory", "DIR");
  options.flag("--privileged", plain_.privileged, "all rights: no confinement is left");
}

engine::Engine::ExecOptions ExecOptions::read() const {
  auto options = plain_;
  options.environment = read_environment(files_, variables_);
  return options;
}

}  // namespace conductor::cli
