#include "linux/process_info.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "linux/fd.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <vector>

namespace conductor::linux {
namespace {

// Field N of stat(5), counted from 1 as the manual does; the second, a name in brackets, may hold anything.
class StatFields {
 public:
  explicit StatFields(const std::string& text) {
    const auto open = text.find('('), close = text.rfind(')');
    if (open == std::string::npos || close == std::string::npos || close < open) return;
    name = text.substr(open + 1, close - open - 1);
    after_ = base::split(base::trim(std::string_view(text).substr(close + 1)), ' ');
  }
  std::int64_t number(std::size_t field) const {
    return field - 3 < after_.size() ? std::strtoll(after_[field - 3].c_str(), nullptr, 10) : 0;
  }
  char letter(std::size_t field) const {
    return field - 3 < after_.size() && !after_[field - 3].empty() ? after_[field - 3][0] : '?';
  }
  bool complete() const { return after_.size() > 21; }
  std::string name;

 private:
  std::vector<std::string> after_;
};

double seconds_since_boot() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

std::string arguments_in(std::string bytes, const std::string& name) {
  while (!bytes.empty() && bytes.back() == '\0') bytes.pop_back();
  std::replace(bytes.begin(), bytes.end(), '\0', ' ');
  return bytes.empty() ? "[" + name + "]" : bytes;
}

}  // namespace

std::optional<ProcessInfo> read_process(pid_t pid) {
  constexpr std::size_t longest_arguments = 1U << 20U;
  const std::string directory = "/proc/" + std::to_string(pid);
  struct stat owner{};
  std::optional<std::string> stat_text, arguments;
  try {
    stat_text = try_read_file(directory + "/stat");
    arguments = try_read_file(directory + "/cmdline", longest_arguments);
  } catch (const base::Error&) {
    // It has ended between open and read, or its arguments are endless.
  }
  if (!stat_text || ::stat(directory.c_str(), &owner) != 0) return std::nullopt;
  const StatFields fields(*stat_text);
  if (!fields.complete()) return std::nullopt;
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  ProcessInfo info;
  info.pid = pid;
  info.uid = owner.st_uid;
  info.gid = owner.st_gid;
  info.name = fields.name;
  info.arguments = arguments_in(arguments.value_or(""), fields.name);
  info.state = fields.letter(3);
  info.parent = static_cast<pid_t>(fields.number(4));
  info.group = static_cast<pid_t>(fields.number(5));
  info.session = static_cast<pid_t>(fields.number(6));
  info.terminal = static_cast<unsigned>(fields.number(7));
  info.cpu_seconds = static_cast<double>(fields.number(14) + fields.number(15)) / ticks;
  info.priority = fields.number(18);
  info.nice = fields.number(19);
  info.threads = fields.number(20);
  info.age_seconds = std::max(0.0, seconds_since_boot() - static_cast<double>(fields.number(22)) / ticks);
  info.virtual_bytes = fields.number(23);
  info.resident_bytes = fields.number(24) * sysconf(_SC_PAGESIZE);
  return info;
}

}  // namespace conductor::linux
