#include "runtime/shown_files.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "linux/root_fd.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

namespace conductor::runtime {
namespace {

using linux::Fd;

// Only what a monitor has put there is opened: never a pipe that lets us wait, nor a file system that somebody serves.
bool is_sent_file(const Fd& fd) {
  struct stat status{};
  struct statfs system{};
  return fstat(fd.get(), &status) == 0 && S_ISREG(status.st_mode) && fstatfs(fd.get(), &system) == 0 &&
         system.f_type == RAMFS_MAGIC;
}

Fd open_shown(const linux::RootFd& root, const std::string& target) {
  const auto place = root.try_open(target, O_PATH);
  if (!place || !is_sent_file(*place)) return {};
  return linux::open_file("/proc/self/fd/" + std::to_string(place->get()), O_RDONLY);
}

Fd open_or_warn(const linux::RootFd& root, const std::string& target) {
  try {
    if (Fd file = open_shown(root, target)) return file;
    base::log(base::LogLevel::warning, "the file " + target + " is not there any more: the container will not restart");
  } catch (const base::Error& e) {
    base::log(base::LogLevel::warning, "the file " + target + " for the new monitor: " + e.message());
  }
  return {};
}

}  // namespace

std::vector<Fd> open_shown_files(const monitor::LaunchSpec& spec, const linux::ProcessId& id, const Fd& process) {
  std::vector<Fd> files;
  for (const auto& mount : spec.mounts) {
    if (!mount.content || mount.content->number < 0) continue;
    const auto number = static_cast<std::size_t>(mount.content->number);
    if (files.size() <= number) files.resize(number + 1);
    const auto root = linux::RootFd::open("/proc/" + std::to_string(id.pid) + "/root");
    files[number] = open_or_warn(root, mount.target);
  }
  // The number of a process that has ended may be another's.
  if (linux::has_ended(process)) files.clear();
  return files;
}

}  // namespace conductor::runtime
