// A handler whose failure costs what it was about and nothing else.
#pragma once

#include "base/error.hpp"
#include "monitor/loop.hpp"

#include <utility>

namespace conductor::monitor {

// For handlers that have taken their event before anything can fail; others would be called again and again.
template <class Body>
Loop::Handler tolerant(Body body) {
  return [body = std::move(body)]() mutable {
    try {
      body();
    } catch (const base::Error&) {
      // The machine is short of something; who asked is not answered.
    }
  };
}

}  // namespace conductor::monitor
