#include "monitor/first_process.hpp"

#include "base/error.hpp"
#include "base/wire.hpp"
#include "linux/namespaces.hpp"
#include "monitor/channel.hpp"
#include "monitor/init.hpp"
#include "monitor/rootfs.hpp"
#include "monitor/sent_mounts.hpp"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <exception>

namespace conductor::monitor {
namespace {

using base::Error;
using linux::Fd;

// Version 1: with one thread a process moves itself through `tasks` without a lock of the whole machine. The cgroup
// namespace begins at the groups it is in then.
void join_cgroup(const LaunchSpec& spec) {
  if (spec.cgroup_directories.empty()) return;
  for (const auto& directory : spec.cgroup_directories) {
    if (spec.cgroup_unified) break;  // it was cloned into it
    auto file = linux::try_open(directory + "/tasks", O_WRONLY);
    if (!file)
      file = linux::open_file(directory + "/cgroup.procs", O_WRONLY);  // a version 2 hierarchy beside the others
    linux::write_all(file->get(), "0");
  }
  if (unshare(CLONE_NEWCGROUP) != 0) throw Error::from_errno("cannot make a cgroup namespace");
}

// The usual one is below ours where somebody has raised that; then ours stays, for lowering needs a right we may lack.
void set_oom_score(int score) {
  const Fd file = linux::open_file("/proc/self/oom_score_adj", O_WRONLY);
  try {
    linux::write_all(file.get(), std::to_string(score));
  } catch (const Error& e) {
    if (score != 0 || (e.code() != EACCES && e.code() != EPERM)) throw;
  }
}

// A network namespace begins with its loopback interface down.
void bring_up_loopback() {
  const Fd any(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::memcpy(request.ifr_name, "lo", sizeof "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (!any || ioctl(any.get(), SIOCSIFFLAGS, &request) != 0)
    throw Error::from_errno("cannot bring up the loopback interface");
}

void take_terminal(ProcessStreams& streams, const Fd& peer) {
  for (auto& stream : streams.fd) stream = peer.duplicate();
  streams.ours = {true, true, true};
}

// False: the monitor is gone.
bool wait_for_go(int channel) {
  const auto message = linux::receive_message(channel);
  return message && base::from_wire<ChildMessage>(message->bytes).step == Step::go;
}

int set_up_and_execute(const LaunchSpec& spec, const Fd* network, Fd& channel, ProcessStreams& streams) {
  hide_from_tracers();
  umask(0);
  if (network != nullptr)
    linux::enter_namespace(*network);
  else if (spec.network == NetworkNamespace::own)
    bring_up_loopback();
  set_oom_score(spec.process.oom_score_adjust);
  join_cgroup(spec);
  {
    const auto terminal = enter_root(spec);
    std::vector<int> controller;
    if (terminal) {
      take_terminal(streams, terminal->peer);
      controller.push_back(terminal->controller.get());
    }
    linux::send_message(channel.get(), base::to_wire(ChildMessage{}), controller);
  }
  if (!wait_for_go(channel.get())) return base::exit_error;
  if (spec.init) become_init(channel);
  confine_and_execute(with_sent_environment(spec), streams);
}

}  // namespace

int report_failure(int channel, const std::exception& failure) {
  const auto* error = dynamic_cast<const Error*>(&failure);
  ChildMessage message{Step::failed, error != nullptr ? error->exit_code() : base::exit_error, failure.what()};
  try {
    linux::send_message(channel, base::to_wire(message));
  } catch (const std::exception&) {
    // Nobody is left to tell.
  }
  return message.code;
}

linux::Child start_first_process(const LaunchSpec& spec, const Fd* network, Fd channel, Fd& monitors_end,
                                 ProcessStreams streams) {
  std::uint64_t flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC;
  if (spec.network == NetworkNamespace::own && network == nullptr) flags |= CLONE_NEWNET;
  Fd group;
  if (spec.cgroup_unified) group = linux::open_file(spec.cgroup_directories.at(0), O_PATH | O_DIRECTORY);
  const auto body = [&] {
    monitors_end.reset();
    try {
      return set_up_and_execute(spec, network, channel, streams);
    } catch (const std::exception& failure) {
      return report_failure(channel.get(), failure);
    }
  };
  return linux::clone_child(flags, body, group.get());
}

}  // namespace conductor::monitor
