// Copying between descriptors in a Loop without ever blocking it.
#pragma once

#include "linux/fd.hpp"
#include "monitor/loop.hpp"

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace conductor::monitor {

// A descriptor that bytes go to. One that was handed to us is shared with others, so it is not switched to non-blocking
// but opened a second time where that is possible.
class Outlet {
 public:
  static Outlet shared(int fd);     // a copy is taken
  static Outlet own(linux::Fd fd);  // becomes non-blocking
  // How many bytes it took, 0 when it is full; nothing when it is broken for good.
  std::optional<std::size_t> write(std::string_view bytes) const;
  int get() const { return fd_.get(); }

 private:
  enum class Kind { file, non_blocking, socket, blocking };
  linux::Fd fd_;
  Kind kind_ = Kind::file;
};

// True for /dev/null, where copying is pointless.
bool is_null_device(int fd);

// Reads a source and hands every piece on: to an observer, and to each outlet there is. A full outlet stops the reading
// (back-pressure); a broken one is dropped, and with the last one the relay unless there is an observer.
class Relay {
 public:
  // False: no more for now; reading goes on with `resume`.
  using Observer = std::function<bool(std::string_view bytes)>;
  // Takes bytes out of the source by itself, instead of the observer, and copies them to `copy` unless that is null. At
  // most max_piece; 0: it cannot now.
  using Taker = std::function<std::size_t(int source, char* copy)>;
  static constexpr std::size_t max_piece = 64U << 10U;
  Relay(Loop& loop, linux::Fd source, Observer observer = nullptr);
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  // `name` tells outlets apart; one of the same name is replaced. What it had not yet taken is lost.
  void connect(Outlet outlet, int name = 0);
  void disconnect(int name = 0);
  void take_with(Taker taker) { taker_ = std::move(taker); }
  void start();
  void resume();
  // Calls `done` once everything that was written to the source so far has been read and passed on.
  void drain(std::function<void()> done);
  bool ended() const { return !source_; }
  std::function<void()> on_end;  // the source has ended

 private:
  struct Recipient {
    int name = 0;
    Outlet outlet;
    std::string pending;
  };
  bool step();  // one read; false when there is nothing to read for now
  ssize_t fetch(bool& taken);
  void hold();
  bool stopped() const { return held_ || full(); }
  bool full() const;
  void forward(std::string_view bytes);
  bool give(Recipient& recipient, std::string_view bytes);
  void flush(int name);
  void wait_for_source();
  void end();
  void settle();

  Loop& loop_;
  linux::Fd source_;
  Observer observer_;
  Taker taker_;
  std::vector<Recipient> recipients_;
  bool held_ = false;          // the observer wants no more
  bool always_ready_ = false;  // a regular file
  std::function<void()> drained_;
};

}  // namespace conductor::monitor
