// The life of one container as its monitor sees it: set up, released, running, restarted, ended.
#pragma once

#include "linux/process.hpp"
#include "monitor/channel.hpp"
#include "monitor/container_streams.hpp"
#include "monitor/control.hpp"
#include "monitor/forward.hpp"
#include "monitor/health.hpp"
#include "monitor/loop.hpp"
#include "monitor/name_resolver.hpp"
#include "monitor/oom.hpp"
#include "monitor/protocol.hpp"
#include "monitor/restart.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <string>

namespace conductor::monitor {

class Session {
 public:
  enum class Origin { new_container, orphan };  // orphan: its monitor died
  Session(LaunchSpec spec, Origin origin);

  // Return when the container has finished for good and nothing of it is left but its status and log.
  void run();
  // Throws Error when its process is gone.
  void adopt();

 private:
  // What happens, in the order of a container's life.
  void launch();
  void relaunch();
  void on_child_message();
  void on_ready(std::vector<linux::Fd> descriptors);
  void release();
  void on_running();
  void on_process_end();
  void after_run(int code);
  void fail_to_start(const ChildMessage& failure);
  bool can_run_again();
  void restart_later();
  void finish(int code);
  void abandon();

  // session_commands.cpp
  void on_command(Control::Client client, const Command& command, std::vector<linux::Fd>& descriptors);
  void on_gone(Control::Client client);
  void attach(Control::Client client, const std::vector<linux::Fd>& streams);
  void stop(int first_signal, std::chrono::nanoseconds grace);
  void signal(int number);
  bool ends(int signal) const;
  void pause(Control::Client client, bool lease);
  void thaw();
  void follow_pause();
  void hold_by_status();
  void note_health(const HealthRecord& record, HealthResult result);

  void watch_process();
  linux::Ending take_ending();
  void keep_network_namespace(const linux::Fd& network);
  linux::Fd network_of(pid_t process) const;
  void serve_names(const Resolver& resolver);
  void serve_names_again();
  void watch_memory();
  void on_out_of_memory();
  bool out_of_memory();
  void report(Event event, int code = 0, const std::string& error = {});
  void save_status();
  void tell(const char* action, const char* attribute = nullptr, const std::string& value = {}) const;
  void clean_up();
  void run_clean_up_program() const;

  const LaunchSpec spec_;
  Loop loop_;
  Status status_;
  Control control_;
  ContainerStreams streams_;
  HealthChecks health_;
  Forwarder forwarder_;
  std::unique_ptr<NameResolver> resolver_;  // nothing without names
  Restart restart_;                         // at first that of the spec
  BackOff back_off_;
  linux::Fd network_;  // kept for restarts; number network_descriptor
  linux::Child process_;
  linux::Fd channel_;  // to a process that has not executed its program yet
  linux::Fd restart_timer_, kill_timer_;
  std::optional<ChildMessage> failure_;
  std::chrono::steady_clock::time_point run_began_;
  std::uint64_t out_of_memory_kills_ = 0;
  OutOfMemoryWatch memory_watch_;
  bool released_ = false;  // `start` was received
  bool ran_ = false;       // the program was executed at least once
  bool is_our_child_ = false;
  bool frozen_ = false;
  std::set<Control::Client> leases_;  // who wants it frozen as long as they are there
};

}  // namespace conductor::monitor
