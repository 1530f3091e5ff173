// The options of `run` and `create`, docker's words, as a ContainerConfig.
#pragma once

#include "cli/limit_options.hpp"
#include "cli/log_options.hpp"
#include "cli/network_options.hpp"
#include "cli/options.hpp"
#include "cli/security_options.hpp"
#include "cli/user_options.hpp"
#include "engine/container.hpp"

#include <optional>
#include <string>
#include <vector>

namespace conductor::cli {

class RunOptions {
 public:
  void declare(Options& options);
  // What the options say. Throws base::Error naming the option that is wrong. `words`: the image, and what runs in it.
  engine::ContainerConfig config(const std::vector<std::string>& words) const;
  // Adds to it what only the machine knows, before it is created. Throws base::Error: no such network …
  void complete(engine::Engine& engine, engine::ContainerConfig& config, const image::Progress& progress) const {
    network_.complete(engine, config, progress);
  }

 private:
  engine::ContainerConfig plain_;  // what needs no reading
  NetworkOptions network_;
  SecurityOptions security_;
  LimitOptions limits_;
  UserOptions users_;
  LogOptions log_;
  std::optional<std::string> name_, entrypoint_, stop_timeout_, restart_, health_command_;
  std::string health_interval_, health_timeout_, health_start_period_, health_start_interval_;
  std::optional<std::int64_t> health_retries_, shm_size_;
  bool no_healthcheck_ = false;
  std::vector<std::string> volumes_, mounts_, tmpfs_, environment_, env_files_, labels_;

  void read_mounts(engine::ContainerConfig& config) const;
  void read_health(engine::ContainerConfig& config) const;
};

// The variables of --env-file and -e, the later ones stronger. A NAME alone takes the value of our own environment, if
// any.
std::vector<std::string> read_environment(const std::vector<std::string>& files,
                                          const std::vector<std::string>& variables);
monitor::Restart parse_restart(const std::string& text);  // "on-failure:3"

}  // namespace conductor::cli
