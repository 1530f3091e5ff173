// The caller's side of a container or command in the foreground: what is typed, the size of the terminal, signals.
#pragma once

#include "linux/fd.hpp"
#include "linux/terminal.hpp"
#include "monitor/protocol.hpp"
#include "runtime/detach_keys.hpp"
#include "runtime/streams.hpp"

#include <optional>
#include <string>

namespace conductor::runtime {

struct ForegroundOptions {
  Streams streams{0, 1, 2};  // the caller's; they stay its own
  bool terminal = false;     // there is one on the other side; the caller's, if it is one, becomes a window onto it
  bool pass_signals = true;  // without a terminal: SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1 and SIGUSR2
  std::string detach_keys;   // bytes, of a terminal
};

// A terminal as input is read here and nowhere else, so that it is the caller's job that reads: it stops when it is in
// the background, and nothing is taken from the shell when it is gone. With a terminal on the other side it is in raw
// mode while this lives: before the first byte comes.
class Foreground {
 public:
  explicit Foreground(ForegroundOptions options);
  Foreground(const Foreground&) = delete;
  Foreground& operator=(const Foreground&) = delete;

  // What the other side is given. Valid while this lives.
  const Streams& streams() const { return streams_; }

  struct End {
    std::optional<monitor::Report> report;  // nothing: the other side is gone, or this one has left
    bool left = false;                      // by the detach keys, or by a signal
    int signal = 0;                         // that one
  };
  // Until the other side reports or is gone, or the caller leaves; then nothing is written to its streams any more.
  End attend(const linux::Fd& control);

 private:
  void send_window(const linux::Fd& control) const;
  bool take_signals(const linux::Fd& control, const linux::Fd& signals, End& end) const;
  void type(End& end);

  ForegroundOptions options_;
  Streams streams_;
  int window_ = -1;       // the terminal whose size is followed
  linux::Fd typed_from_;  // our copy of what the other side reads
  linux::Fd typed_to_;    // nothing: no terminal is read, or it has ended
  std::string pending_;   // typed and not taken yet
  DetachKeys keys_;
  std::optional<linux::RawMode> raw_;
};

// What a command that its caller has left ends with: nothing for the detach keys; throws Error with 128 + n for a
// signal.
std::optional<int> left_by(const Foreground::End& end);

// Ends the connection and waits until the other side has noticed.
void leave(const linux::Fd& control);

}  // namespace conductor::runtime
