// conductor-monitor exec: one more process in a running container, from its beginning to its end.
#pragma once

#include "linux/terminal.hpp"
#include "monitor/channel.hpp"
#include "monitor/joined_process.hpp"
#include "monitor/loop.hpp"
#include "monitor/protocol.hpp"
#include "monitor/relay.hpp"

#include <memory>
#include <optional>

namespace conductor::monitor {

class ExecSession {
 public:
  explicit ExecSession(ExecSpec spec);
  // The exit code of the process; with `detach` 0 as soon as its program runs. Throws Error (125, 126, 127) when it
  // does not come to that.
  int run();

 private:
  ProcessStreams make_streams();
  ProcessStreams make_terminal();
  linux::Fd input_for_process(bool& ours);
  linux::Fd output_for_process(int fd, std::unique_ptr<Relay>& relay, bool& ours);
  void on_child_message();
  void on_command();
  void on_end();
  void detach();

  ExecSpec spec_;
  Loop loop_;
  linux::Fd control_;     // to whoever asked for it: signals and window sizes
  linux::Fd controller_;  // of a terminal
  std::unique_ptr<Relay> input_, output_, error_;
  linux::Child process_;
  linux::Fd channel_;
  std::optional<ChildMessage> failure_;
  bool own_ids_ = false;  // of the container
  int code_ = 0;
};

}  // namespace conductor::monitor
