// Standard streams of a container: FIFOs in its run directory, or its terminal; the log; and whoever is attached.
#pragma once

#include "linux/terminal.hpp"
#include "monitor/confine.hpp"
#include "monitor/log_sink.hpp"
#include "monitor/loop.hpp"
#include "monitor/protocol.hpp"
#include "monitor/relay.hpp"

#include <functional>
#include <memory>

namespace conductor::monitor {

// The FIFOs are open for reading and writing at both ends: neither side sees an end or gets SIGPIPE while the other is
// gone, so a container survives its monitor, and the monitor a restart.
class ContainerStreams {
 public:
  enum class Files { make, find };  // find: of a container that runs already
  ContainerStreams(Loop& loop, const LaunchSpec& spec, Files files);

  // Descriptors for a process that is about to be started; with a terminal it makes its own.
  ProcessStreams for_process();
  void use_terminal(linux::Fd controller);

  // Output goes to these descriptors too, input comes from there: copies are taken. The null device is nobody; for
  // input, one that is open for writing (its end would be the end of the container's input).
  void attach(int input, int output, int error);
  // Gives up whoever is attached.
  void detach();
  void resize(linux::WindowSize size);

  // Calls `done` when all that was written so far is in the log and with whoever is attached.
  void drain(std::function<void()> done);
  void remove_files();
  // A log that does not take what was written keeps the container from its end no longer.
  void give_up_log() { log_.give_up(); }
  LogSink& log() { return log_; }

 private:
  std::unique_ptr<Relay> output_relay(linux::Fd source, std::uint8_t stream);
  void attach_outputs();
  void attach_input();

  Loop& loop_;
  const LaunchSpec& spec_;
  LogSink log_;
  linux::Fd attached_[3];
  linux::Fd input_sink_;  // what the container reads from: the writing end of a pipe, or a terminal
  std::unique_ptr<Relay> output_, error_, input_;
};

}  // namespace conductor::monitor
