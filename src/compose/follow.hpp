// Logs of several containers as one stream of whole lines.
#pragma once

#include "runtime/runtime.hpp"
#include "store/locations.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace conductor::compose {

struct LogLine {
  std::string container;
  std::int64_t unix_ns = 0;
  std::string text;  // without line end
};

// Follows each container on a thread of its own. Lines of one container stay in order; calls of `sink` never overlap.
// Destroying it does not wait: followers that still wait for output are left to themselves and call nothing any more.
class Follower {
 public:
  Follower(store::Locations locations, std::function<void(const LogLine&)> sink);
  ~Follower();
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  // `name` is what lines are marked with. From any thread.
  void add(const std::string& id, const std::string& name, const runtime::LogOptions& options);
  // Until all added so far have come to their end.
  void wait();
  // A descriptor that becomes readable when all have; for poll(2).
  int finished() const;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace conductor::compose
