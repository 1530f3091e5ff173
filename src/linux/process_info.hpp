// What /proc says about a process (proc(5)), as ps(1) shows it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

namespace conductor::linux {

struct ProcessInfo {
  pid_t pid = 0, parent = 0, group = 0, session = 0;
  std::uint32_t uid = 0, gid = 0;  // effective, the host's
  char state = '?';                // R, S, D, T, Z …
  unsigned terminal = 0;           // device number; 0: none
  std::int64_t priority = 0, nice = 0, threads = 0;
  double cpu_seconds = 0;  // used so far
  double age_seconds = 0;  // since its start
  std::int64_t virtual_bytes = 0, resident_bytes = 0;
  std::string name;       // at most 15 bytes
  std::string arguments;  // with blanks between; "[name]" when it has none. As the process wrote it: not to be trusted
};
// Nothing when it is gone.
std::optional<ProcessInfo> read_process(pid_t pid);

}  // namespace conductor::linux
