// A container as `ps`, `inspect` and `compose ps` show it, in docker's words.
#pragma once

#include "base/json.hpp"
#include "cli/ports_view.hpp"
#include "engine/engine.hpp"

#include <string>

namespace conductor::cli {

std::string state_word(const monitor::Status& status);  // "running", "paused", "exited", "created", "restarting"
std::string status_text(const monitor::Status& status, std::int64_t now_ns);      // "Up 3 minutes (healthy)"
std::string ports_text(const engine::Observed& observed, const PortsView& view);  // "0.0.0.0:3000->8080/tcp"
// Fields of one line of `ps`: ID, Image, Command, CreatedAt, RunningFor, Status, State, Ports, Names, Labels, ExitCode,
// Networks, Mounts, LocalVolumes, Address.
base::Json listed(const engine::Observed& observed, const PortsView& view, bool whole, std::int64_t now_ns);
// Bytes of files' content: what the container has written, and with its image.
struct ContainerSize {
  std::int64_t written = 0, whole = 0;
};
ContainerSize size_of(engine::Engine& engine, const engine::Container& container);
// Everything, one object.
base::Json inspected(engine::Engine& engine, const engine::Observed& observed);

}  // namespace conductor::cli
