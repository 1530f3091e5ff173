// Locks: flock(2) on a file per object, so the kernel frees them when the holder dies. Order: project < network < image
// < container. None is held while waiting for a container.
#pragma once

#include "linux/fd.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace conductor::store {

class Lock {
 public:
  enum class Mode { shared, exclusive };
  // Waits at most `limit`, then throws Error with the pid and program of a holder. Makes the file when absent. A file
  // that is removed while somebody waits for it counts as absent.
  static Lock acquire(const std::string& path, Mode mode = Mode::exclusive,
                      std::chrono::seconds limit = std::chrono::seconds(30));
  // Nothing when somebody else holds it.
  static std::optional<Lock> try_acquire(const std::string& path, Mode mode = Mode::exclusive);
  void release() { file_.reset(); }

 private:
  explicit Lock(linux::Fd file) : file_(std::move(file)) {}
  linux::Fd file_;
};

}  // namespace conductor::store
