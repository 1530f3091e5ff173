// Standard streams of a container: FIFOs in its run directory, or its terminal; the log; and those who are attached.
#pragma once

#include "linux/terminal.hpp"
#include "monitor/confine.hpp"
#include "monitor/control.hpp"
#include "monitor/log_sink.hpp"
#include "monitor/loop.hpp"
#include "monitor/protocol.hpp"
#include "monitor/relay.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace conductor::monitor {

// The FIFOs are open for reading and writing at both ends: neither side sees an end or gets SIGPIPE while the other is
// gone, so a container survives its monitor, and the monitor a restart.
class ContainerStreams {
 public:
  enum class Files { make, find };  // find: of a container that runs already
  ContainerStreams(Loop& loop, const LaunchSpec& spec, Files files);

  // Descriptors for a process that is about to be started; with a terminal it makes its own.
  ProcessStreams for_process();
  // The controlling side of the terminal of `process` (a pidfd). It outlives this monitor.
  void use_terminal(linux::Fd controller, const linux::Fd& process);

  // Output goes to these descriptors too from now on, input comes from there: copies are taken. The null device is
  // nobody; for input, one that is open for writing. The end of the starter's input is that of the container's.
  void attach(Control::Client client, int input, int output, int error);
  void detach(Control::Client client);
  void detach_all();
  void resize(linux::WindowSize size);

  // Calls `done` when all that was written so far is in the log and with whoever is attached.
  void drain(std::function<void()> done);
  void remove_files();
  // A log that does not take what was written keeps the container from its end no longer.
  void give_up_log() { log_.give_up(); }
  LogSink& log() { return log_; }

 private:
  struct Attached {
    linux::Fd fd[3];
    std::unique_ptr<Relay> input;
  };
  std::unique_ptr<Relay> output_relay(linux::Fd source, std::uint8_t stream);
  void connect_terminal(linux::Fd controller);
  std::string terminal_socket() const { return spec_.run_directory + "/terminal"; }
  void connect(Control::Client client);
  void connect_input(Control::Client client, Attached& attached);
  std::optional<Outlet> input_outlet() const;

  Loop& loop_;
  const LaunchSpec& spec_;
  LogSink log_;
  std::map<Control::Client, Attached> attached_;
  linux::Fd input_sink_;   // what the container reads from: the writing end of a pipe, or a terminal
  linux::Fd input_given_;  // or the reading end of a pipe that it was given as it is
  linux::Child terminal_keeper_;
  std::unique_ptr<Relay> output_, error_;
};

}  // namespace conductor::monitor
