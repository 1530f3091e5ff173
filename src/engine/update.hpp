// What Engine::update has in common with those who find a container whose update was not finished, or whose monitor is
// new.
#pragma once

#include "store/locations.hpp"

#include <string>

namespace conductor::engine {

// Tells the container's monitor the restart policy of the record. Nothing when it has no record or no monitor.
void tell_restart(const store::Locations& locations, const std::string& id);

// Gives a running container the limits of its record when a command that changed them was killed in between.
void finish_update(const store::Locations& locations, const std::string& id);

}  // namespace conductor::engine
