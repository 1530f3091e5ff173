#include "monitor/oom.hpp"

#include "base/error.hpp"
#include "base/units.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <string_view>

namespace conductor::monitor {
namespace {

constexpr const char* unified_file = "/memory.events";
constexpr const char* older_file = "/memory.oom_control";

// The number behind a name at the begin of a line.
std::uint64_t number_behind(const std::string& text, std::string_view name) {
  const std::string key = std::string(name) + " ";
  const auto at = text.starts_with(key) ? 0 : text.find("\n" + key);
  if (at == std::string::npos) return 0;
  const std::string_view rest = std::string_view(text).substr(text.find(key, at) + key.size());
  return static_cast<std::uint64_t>(base::parse_number(rest.substr(0, rest.find('\n'))).value_or(0));
}

// memcg_test.txt: cgroup.event_control takes the eventfd and the file that is watched.
linux::Fd watch_version_1(const std::string& group) {
  const auto control = linux::try_open(group + "/cgroup.event_control", O_WRONLY);
  if (!control) return {};
  const linux::Fd file = linux::open_file(group + older_file, O_RDONLY);
  linux::Fd source(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!source) throw base::Error::from_errno("cannot make an eventfd");
  linux::write_all(control->get(), std::to_string(source.get()) + " " + std::to_string(file.get()));
  return source;
}

}  // namespace

std::uint64_t count_out_of_memory_kills(const std::vector<std::string>& cgroup_directories) {
  for (const auto& directory : cgroup_directories)
    for (const char* file : {unified_file, older_file})
      if (const auto text = linux::try_read_file(directory + file)) return number_behind(*text, "oom_kill");
  return 0;
}

void OutOfMemoryWatch::begin(const std::vector<std::string>& cgroup_directories) {
  try {
    for (const auto& directory : cgroup_directories) {
      unified_ = access((directory + unified_file).c_str(), R_OK) == 0;
      if (!unified_ && access((directory + older_file).c_str(), R_OK) != 0) continue;
      group_ = directory;
      kills_ = count_out_of_memory_kills({group_});
      source_ = unified_ ? linux::open_file(group_ + unified_file, O_RDONLY) : watch_version_1(group_);
      return;
    }
  } catch (const base::Error&) {
    source_.reset();  // it is still counted at the end of the process
  }
}

std::uint32_t OutOfMemoryWatch::events() const { return unified_ ? EPOLLPRI : EPOLLIN; }

bool OutOfMemoryWatch::happened() {
  if (!unified_) {
    std::uint64_t count = 0;
    if (read(source_.get(), &count, sizeof count) < 0) return false;
    const auto text = linux::try_read_file(group_ + older_file);
    return text && number_behind(*text, "oom_kill_disable") == 0;
  }
  // Reading is what makes the kernel tell of the next change.
  if (lseek(source_.get(), 0, SEEK_SET) != 0) return false;
  const auto kills = number_behind(linux::read_all(source_.get()), "oom_kill");
  const bool more = kills > kills_;
  kills_ = kills;
  return more;
}

}  // namespace conductor::monitor
