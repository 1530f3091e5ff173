// What a status says about the life of a container.
#pragma once

#include "monitor/protocol.hpp"

#include <optional>

namespace conductor::engine {

// It has a process, or its monitor is about to start one.
inline bool is_active(const std::optional<monitor::Status>& status) {
  return status && status->phase != monitor::Phase::exited;
}

}  // namespace conductor::engine
