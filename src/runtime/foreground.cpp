#include "runtime/foreground.hpp"

#include "base/error.hpp"
#include "linux/events.hpp"
#include "runtime/monitor_process.hpp"
#include "runtime/signal_relay.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace conductor::runtime {

namespace {

using base::Error;
using linux::Fd;
using monitor::Command;
using monitor::Request;

// Between connecting and sending, the other side may have come to its end: the next look at it tells.
void send_if_heard(const Fd& control, const Command& command) {
  try {
    send_command(control, command);
  } catch (const Error& e) {
    if (e.code() != EPIPE && e.code() != ECONNRESET) throw;
  }
}

}  // namespace

Foreground::Foreground(ForegroundOptions options)
    : options_(std::move(options)), streams_(options_.streams), keys_(options_.terminal ? options_.detach_keys : "") {
  const bool types = streams_.input >= 0 && linux::is_terminal(streams_.input);
  if (options_.terminal)
    for (const int fd : {streams_.output, streams_.input})
      if (fd >= 0 && linux::is_terminal(fd)) window_ = fd;
  if (options_.terminal) streams_.error = -1;
  if (!types) return;
  auto pipe = linux::make_pipe();
  typed_from_ = std::move(pipe.read);
  typed_to_ = std::move(pipe.write);
  if (fcntl(typed_to_.get(), F_SETFL, O_NONBLOCK) != 0) throw Error::from_errno("cannot make a pipe non-blocking");
  streams_.input = typed_from_.get();
  if (options_.terminal) raw_.emplace(options_.streams.input);
}

Foreground::End Foreground::attend(const Fd& control) {
  const SignalRelay signals;
  send_window(control);
  End end;
  enum : std::size_t { from_control, from_signals, keyboard, entries_count };
  while (!end.left) {
    pollfd entries[entries_count] = {{control.get(), POLLIN, 0}, {signals.get().get(), POLLIN, 0}, {-1, 0, 0}};
    if (typed_to_) entries[keyboard] = {options_.streams.input, POLLIN, 0};
    if (!pending_.empty()) entries[keyboard] = {typed_to_.get(), POLLOUT, 0};
    if (poll(entries, entries_count, -1) < 0) {
      if (errno == EINTR) continue;
      throw Error::from_errno("cannot wait for the container");
    }
    if (entries[from_signals].revents != 0 && take_signals(control, signals.get(), end)) break;
    if (entries[keyboard].revents != 0) type(end);
    if (entries[from_control].revents == 0) continue;
    end.report = next_report(control);
    return end;
  }
  leave(control);
  return end;
}

void Foreground::send_window(const Fd& control) const {
  const auto size = window_ >= 0 ? linux::window_size(window_) : std::nullopt;
  if (!size) return;
  Command command;
  command.request = Request::resize;
  command.rows = size->rows;
  command.columns = size->columns;
  send_if_heard(control, command);
}

// True: one that ends the caller and is not for the other side. Who sits at a terminal types what is for it.
bool Foreground::take_signals(const Fd& control, const Fd& signals, End& end) const {
  while (const auto signal = linux::next_signal(signals)) {
    if (*signal == SIGWINCH) {
      send_window(control);
    } else if (options_.pass_signals && !options_.terminal) {
      Command command;
      command.request = Request::signal;
      command.signal = *signal;
      send_if_heard(control, command);
    } else if (*signal != SIGUSR1 && *signal != SIGUSR2) {
      end.left = true;
      end.signal = *signal;
    }
  }
  return end.left;
}

// One read of the keyboard, or one write of what was read before.
void Foreground::type(End& end) {
  if (pending_.empty()) {
    char typed[4096];
    const ssize_t size = read(options_.streams.input, typed, sizeof typed);
    if (size < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (size <= 0) return typed_to_.reset();  // the end was typed, or the terminal is gone
    pending_ = keys_.pass({typed, static_cast<std::size_t>(size)});
    end.left = keys_.complete();
    if (pending_.empty()) return;
  }
  const ssize_t written = write(typed_to_.get(), pending_.data(), pending_.size());
  if (written > 0) pending_.erase(0, static_cast<std::size_t>(written));
}

std::optional<int> left_by(const Foreground::End& end) {
  constexpr int signal_base = 128;
  if (end.signal == 0) return std::nullopt;
  throw Error(linux::signal_name(end.signal) + ": it runs on").with_exit_code(signal_base + end.signal);
}

void leave(const Fd& control) {
  constexpr int patience_ms = 5000;
  shutdown(control.get(), SHUT_WR);
  try {
    while (linux::wait_readable(control.get(), patience_ms) && next_report(control)) {
    }
  } catch (const Error&) {
    // It is gone, which is what was waited for.
  }
}

}  // namespace conductor::runtime
