// A volume as `volume ls` and `inspect` show it, in docker's words.
#pragma once

#include "base/json.hpp"
#include "engine/engine.hpp"

namespace conductor::cli {

base::Json inspected(engine::Engine& engine, const volume::Volume& volume);

}  // namespace conductor::cli
