// Locks: flock(2) on a file per object, so the kernel frees them when the holder dies. Order: project < network < image
// < container. None is held while waiting for a container.
#pragma once

#include "linux/cancellation.hpp"
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
  // Exclusive; waits as long as it takes, for work that may take hours, woken when the lock becomes free. Throws Error
  // "interrupted" when the cancellation (may be null) is requested meanwhile.
  static Lock wait(const std::string& path, const linux::Cancellation* cancellation);
  void release() { file_.reset(); }
  // The lock's file too, for locks on what will not be asked for again. Whoever waits takes a new one.
  void remove(const std::string& path);

 private:
  explicit Lock(linux::Fd file) : file_(std::move(file)) {}
  linux::Fd file_;
};

}  // namespace conductor::store
