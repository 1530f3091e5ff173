// What a Session does when it is told to.
#include "base/error.hpp"
#include "linux/cgroup.hpp"
#include "linux/events.hpp"
#include "monitor/session.hpp"

#include <csignal>

namespace conductor::monitor {

using base::Error;
using linux::Fd;

void Session::on_command(Control::Client client, const Command& command, std::vector<Fd>& descriptors) {
  switch (command.request) {
    case Request::start:
      forwarder_.serve(command.forwards, std::move(descriptors));
      serve_names(spec_.resolver);
      if (!released_ && channel_) release();
      return;
    case Request::forward:
      return forwarder_.serve(command.forwards, std::move(descriptors));
    case Request::withdraw:
      return forwarder_.withdraw(command.withdrawn);
    case Request::resolve:
      return serve_names(command.resolver);
    case Request::stop:
      return stop(command.signal != 0 ? command.signal : spec_.stop_signal, command.grace);
    case Request::signal:
      // As with docker's kill: who ends a container by hand does not want it back.
      if (ends(command.signal)) status_.stopped_by_user = true;
      return signal(command.signal);
    case Request::resize:
      return streams_.resize({command.rows, command.columns});
    case Request::attach:
      return attach(client, descriptors);
    case Request::pause:
      return pause(client, command.lease);
    case Request::resume:
      status_.paused = false;
      return follow_pause();
    case Request::update:
      restart_ = command.restart;
      return;
  }
}

void Session::on_gone(Control::Client client) {
  streams_.detach(client);
  if (leases_.erase(client) != 0) follow_pause();
  if (client != Control::starter || (released_ && !spec_.bound)) return;
  status_.stopped_by_user = true;
  signal(SIGKILL);
}

void Session::attach(Control::Client client, const std::vector<Fd>& streams) {
  if (streams.size() != 3) throw Error("three streams are attached at a time");
  streams_.attach(client, streams[0].get(), streams[1].get(), streams[2].get());
  control_.let_listen(client);
}

// --- the end
// ------------------------------------------------------------------------------------------------------------

void Session::stop(int first_signal, std::chrono::nanoseconds grace) {
  status_.stopped_by_user = true;
  if (!released_) return signal(SIGKILL);
  if (status_.phase == Phase::restarting) {
    linux::arm_timer(restart_timer_, std::chrono::nanoseconds(0));
    if (!process_.pidfd) return finish(status_.exit_code);
  }
  save_status();
  signal(first_signal);
  thaw();
  if (grace.count() == 0) return signal(SIGKILL);
  if (grace.count() > 0) linux::arm_timer(kill_timer_, grace);
}

bool Session::ends(int signal) const { return signal == SIGKILL || signal == spec_.stop_signal; }

// Frozen processes do not even end by SIGKILL.
void Session::signal(int number) {
  if (process_.pidfd) linux::send_signal(process_.pidfd, number);
  if (ends(number)) thaw();
  // Somebody who does not read must not keep a container from ending.
  if (number != SIGKILL || process_.pidfd) return;
  streams_.detach_all();
  streams_.give_up_log();
}

// --- pauses
// -----------------------------------------------------------------------------------------------------------

// Nobody is told that it is paused who did not ask for it: a lease is not in the status.
void Session::pause(Control::Client client, bool lease) {
  if (!process_.pidfd || !ran_) throw Error("the container is not running");
  const bool was_paused = status_.paused;
  try {
    if (lease)
      leases_.insert(client);
    else
      status_.paused = true;
    follow_pause();
  } catch (const Error&) {
    leases_.erase(client);
    status_.paused = was_paused;
    throw;
  }
}

void Session::thaw() {
  if (!frozen_) return;
  status_.paused = false;
  leases_.clear();
  follow_pause();
}

void Session::follow_pause() {
  const bool wanted = status_.paused || !leases_.empty();
  if (wanted != frozen_) {
    linux::Cgroup(spec_.cgroup).freeze(wanted);
    frozen_ = wanted;
    health_.hold(wanted);
  }
  save_status();
}

// Of an orphan: what its former monitor had frozen for others goes on.
void Session::hold_by_status() {
  try {
    linux::Cgroup(spec_.cgroup).freeze(status_.paused);
  } catch (const Error&) {
    if (status_.paused) throw;  // else this machine freezes nothing
  }
  frozen_ = status_.paused;
  health_.hold(frozen_);
}

}  // namespace conductor::monitor
