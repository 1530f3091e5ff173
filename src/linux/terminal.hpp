// Terminals (pty(7), termios(3)).
#pragma once

#include "linux/fd.hpp"

#include <termios.h>

#include <optional>

namespace conductor::linux {

bool is_terminal(int fd);

struct WindowSize {
  unsigned short rows = 24;
  unsigned short columns = 80;
};
std::optional<WindowSize> window_size(int terminal);
void set_window_size(int terminal, WindowSize size);

// A new pair from the devpts instance below `devpts` ("/dev/pts/ptmx" of the calling process's root); the other end is
// opened with TIOCGPTPEER, never by name.
struct Terminal {
  Fd controller;
  Fd peer;
};
Terminal open_terminal(const std::string& ptmx = "/dev/ptmx");

// Puts a terminal into raw mode and restores it, also on exceptions.
class RawMode {
 public:
  explicit RawMode(int terminal);
  ~RawMode();
  RawMode(const RawMode&) = delete;
  RawMode& operator=(const RawMode&) = delete;
  void restore();

 private:
  int terminal_;
  termios saved_{};
  bool active_ = false;
};

}  // namespace conductor::linux
