// Waiting for what becomes of a container.
#include "base/error.hpp"
#include "base/text.hpp"
#include "runtime/files.hpp"
#include "runtime/runtime.hpp"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>

namespace conductor::runtime {

namespace {

using base::Error;
using monitor::Phase;
using monitor::Status;

// Until something happens in the directory of a container, or its monitor ends.
class DirectoryWatch {
 public:
  explicit DirectoryWatch(const Files& files) {
    watch_.add(files.directory, IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF);
  }
  void wait(const std::optional<Status>& seen) {
    const auto monitor = seen && seen->phase != Phase::exited ? linux::open_process(seen->monitor) : std::nullopt;
    pollfd entries[] = {{watch_.get(), POLLIN, 0}, {monitor ? monitor->get() : -1, POLLIN, 0}};
    poll(entries, 2, -1);
    watch_.drain();
  }

 private:
  linux::Watch watch_;
};

}  // namespace

int Runtime::wait(const std::string& id) {
  for (;;) {
    const auto found = status(id);
    if (!found) throw Error("container " + base::short_id(id) + " was never started");
    if (found->phase == Phase::exited) return found->exit_code;
    if (const auto monitor = linux::open_process(found->monitor)) linux::wait_ended(*monitor, -1);
  }
}

bool Runtime::wait_for(const std::string& id, const std::function<bool(const Status&)>& accept,
                       std::optional<std::chrono::nanoseconds> limit) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + limit.value_or(std::chrono::hours(24 * 365));
  StatusWatch watch(Files(locations_, id));
  for (;;) {
    const auto found = status(id);
    if (found && accept(*found)) return true;
    if (!found || found->phase == Phase::exited) return false;  // nothing will change any more
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    watch.wait(*found, limit ? static_cast<int>(std::min<std::int64_t>(left, INT32_MAX)) : -1);
  }
}

int Runtime::wait_for_exit(const std::string& id) {
  const Files files(locations_, id);
  DirectoryWatch watch(files);
  const auto finished = [](const std::optional<Status>& status) { return status ? status->finished_at : 0; };
  const auto before = finished(status(id));
  while (access(files.directory.c_str(), F_OK) == 0) {
    const auto found = status(id);
    const bool ended = found && (found->phase == Phase::exited || found->phase == Phase::restarting);
    if (ended && found->finished_at != before) return found->exit_code;
    watch.wait(found);
  }
  throw Error("container " + base::short_id(id) + " was removed");
}

int Runtime::wait_for_removal(const std::string& id) {
  const Files files(locations_, id);
  DirectoryWatch watch(files);
  int code = 0;
  while (access(files.directory.c_str(), F_OK) == 0) {
    const auto found = status(id);
    if (found) code = found->exit_code;
    watch.wait(found);
  }
  return code;
}

}  // namespace conductor::runtime
