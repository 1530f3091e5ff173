#include "cli/streams.hpp"

#include "base/error.hpp"
#include "linux/terminal.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace conductor::cli {

runtime::Streams foreground_streams(bool terminal, bool open_stdin) {
  return {terminal || open_stdin ? STDIN_FILENO : -1, STDOUT_FILENO, terminal ? -1 : STDERR_FILENO};
}

bool on_terminal() { return linux::is_terminal(STDIN_FILENO) && linux::is_terminal(STDOUT_FILENO); }

void require_terminal() {
  if (linux::is_terminal(STDIN_FILENO)) return;
  throw base::Error("standard input is no terminal").with_hint("leave out -t, or run it from a terminal");
}

void close_input() {
  const auto nothing = linux::open_file("/dev/null", O_RDONLY);
  if (dup3(nothing.get(), STDIN_FILENO, O_CLOEXEC) < 0) throw base::Error::from_errno("closing standard input");
}

}  // namespace conductor::cli
