#include "linux/terminal.hpp"

#include "base/error.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace conductor::linux {

using base::Error;

bool is_terminal(int fd) { return isatty(fd) == 1; }

std::optional<WindowSize> window_size(int terminal) {
  winsize size{};
  if (ioctl(terminal, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) return std::nullopt;
  return WindowSize{size.ws_row, size.ws_col};
}

void set_window_size(int terminal, WindowSize size) {
  winsize value{};
  value.ws_row = size.rows;
  value.ws_col = size.columns;
  if (ioctl(terminal, TIOCSWINSZ, &value) != 0) throw Error::from_errno("cannot set the size of a terminal");
}

Terminal open_terminal(const std::string& ptmx) {
  Terminal terminal;
  terminal.controller = open_file(ptmx, O_RDWR | O_NOCTTY);
  int locked = 0;
  if (ioctl(terminal.controller.get(), TIOCSPTLCK, &locked) != 0) throw Error::from_errno("cannot unlock a terminal");
  terminal.peer = Fd(ioctl(terminal.controller.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!terminal.peer) throw Error::from_errno("cannot open the other end of a terminal");
  return terminal;
}

RawMode::RawMode(int terminal) : terminal_(terminal) {
  if (tcgetattr(terminal, &saved_) != 0) throw Error::from_errno("cannot read the mode of a terminal");
  termios raw = saved_;
  cfmakeraw(&raw);
  if (tcsetattr(terminal, TCSANOW, &raw) != 0) throw Error::from_errno("cannot set the mode of a terminal");
  active_ = true;
}

RawMode::~RawMode() { restore(); }

void RawMode::restore() {
  if (!active_) return;
  active_ = false;
  tcsetattr(terminal_, TCSANOW, &saved_);
}

}  // namespace conductor::linux
