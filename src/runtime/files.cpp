#include "runtime/files.hpp"

#include "linux/process.hpp"

#include <poll.h>
#include <sys/inotify.h>

namespace conductor::runtime {

Files::Files(const store::Locations& locations, const std::string& id)
    : directory(locations.container(id)),
      status(directory + "/status"),
      log(directory + "/log"),
      run_directory(locations.run(id)),
      spec(run_directory + "/spec"),
      control(run_directory + "/control"),
      adoption_lock(run_directory + "/adoption"),
      cgroup(locations.instance + "/" + id) {}

StatusWatch::StatusWatch(const Files& files) {
  watch_.add(files.directory, IN_MODIFY | IN_MOVED_TO | IN_CREATE | IN_DELETE_SELF);
}

void StatusWatch::wait(const monitor::Status& seen, int milliseconds) {
  const auto monitor = linux::open_process(seen.monitor);
  if (!monitor) return;
  pollfd entries[] = {{watch_.get(), POLLIN, 0}, {monitor->get(), POLLIN, 0}};
  poll(entries, 2, milliseconds);
  watch_.drain();
}

}  // namespace conductor::runtime
