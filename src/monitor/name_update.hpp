// Telling what names stand for: a program is run with NAME ADDRESS…, and its success is waited for.
#pragma once

#include "linux/process.hpp"
#include "monitor/loop.hpp"
#include "monitor/name_book.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace conductor::monitor {

// At most one program at a time for a name, and two for all; one that takes longer than ten seconds is ended, and has
// failed.
class NameUpdates {
 public:
  using Done = std::function<void(bool told)>;
  // Without a program everything counts as told.
  NameUpdates(Loop& loop, NameBook& book, std::vector<std::string> program);
  ~NameUpdates();
  NameUpdates(const NameUpdates&) = delete;
  NameUpdates& operator=(const NameUpdates&) = delete;

  bool busy() const { return waiting_.size() >= most_waiting; }
  // Calls `done` when these addresses of the name have been told: at once when that was some time before.
  void tell(const std::string& name, const NameBook::Addresses& addresses, Done done);
  // What the book has of the name, whatever that is.
  void tell_anew(const std::string& name);

 private:
  static constexpr std::size_t most_waiting = 256;
  struct Waiting {
    std::string name;
    NameBook::Addresses addresses;
    bool anew = false;
    Done done;
  };
  struct Run {
    linux::Child process;
    NameBook::Addresses addresses;
    std::chrono::steady_clock::time_point deadline;
  };
  void start_next();
  bool start(const std::string& name);
  void on_end(const std::string& name);
  void finish(const std::string& name, const NameBook::Addresses& addresses, bool told);
  void on_timer();
  void arm();

  Loop& loop_;
  NameBook& book_;
  const std::vector<std::string> program_;
  linux::Fd timer_;
  std::vector<Waiting> waiting_;
  std::map<std::string, Run> runs_;
};

}  // namespace conductor::monitor
