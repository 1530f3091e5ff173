#include "monitor/first_process.hpp"

#include "base/error.hpp"
#include "base/units.hpp"
#include "base/wire.hpp"
#include "linux/namespaces.hpp"
#include "monitor/channel.hpp"
#include "monitor/init.hpp"
#include "monitor/rootfs.hpp"
#include "monitor/sent_mounts.hpp"
#include "monitor/user_ids.hpp"

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
#include <optional>
#include <utility>

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

// What the first process is made of, on whichever side of the user namespace's door it is at hand.
struct Beginning {
  const LaunchSpec& spec;
  const Fd* network;  // to join; or nullptr
  Fd& channel;
  Fd& monitors_end;  // of the channel
  ProcessStreams& streams;
  std::optional<Fd> users;  // its user namespace
  std::optional<RootParts> parts;
};

int set_up_and_execute(Beginning& beginning) {
  const LaunchSpec& spec = beginning.spec;
  hide_from_tracers();
  umask(0);
  if (beginning.network != nullptr)
    linux::enter_namespace(*beginning.network);
  else if (spec.network == NetworkNamespace::own)
    bring_up_loopback();
  // Files of the host that belong to its root: as root of a user namespace they are out of reach.
  set_oom_score(spec.process.oom_score_adjust);
  join_cgroup(spec);
  if (!beginning.parts) beginning.parts = prepare_root(spec, nullptr);
  {
    const Fd place = linux::open_file(spec.run_directory, O_PATH | O_DIRECTORY);
    if (beginning.users) linux::become_root_inside();
    const auto terminal = enter_root(spec, *std::exchange(beginning.parts, std::nullopt), place);
    std::vector<int> controller;
    if (terminal) {
      take_terminal(beginning.streams, terminal->peer);
      controller.push_back(terminal->controller.get());
    }
    linux::send_message(beginning.channel.get(), base::to_wire(ChildMessage{}), controller);
  }
  if (!wait_for_go(beginning.channel.get())) return base::exit_error;
  if (spec.init) become_init(beginning.channel);
  confine_and_execute(with_sent_environment(spec), beginning.streams);
}

std::uint64_t namespaces_of(const Beginning& beginning) {
  std::uint64_t flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC;
  if (beginning.spec.network == NetworkNamespace::own && beginning.network == nullptr) flags |= CLONE_NEWNET;
  return flags;
}

linux::Child clone_first_process(Beginning& beginning, std::uint64_t more_flags = 0) {
  Fd group;
  if (beginning.spec.cgroup_unified)
    group = linux::open_file(beginning.spec.cgroup_directories.at(0), O_PATH | O_DIRECTORY);
  const auto body = [&] {
    beginning.monitors_end.reset();
    try {
      return set_up_and_execute(beginning);
    } catch (const std::exception& failure) {
      return report_failure(beginning.channel.get(), failure);
    }
  };
  return linux::clone_child(namespaces_of(beginning) | more_flags, body, group.get());
}

// The namespaces of a container belong to its user namespace when they are made in it. So a process between the monitor
// and the first one makes what only the host's root can make, enters, and clones the first one as its sibling, which
// has all of it by inheritance.
void prepare_enter_and_clone(Beginning& beginning, int answer) {
  const LaunchSpec& spec = beginning.spec;
  hide_from_tracers();
  beginning.parts = prepare_root(spec, &*beginning.users);
  give_streams_to(beginning.streams, outside_ids(spec.ids, 0, 0));
  raise_hard_limits(spec.process.limits);
  linux::enter_namespace(*beginning.users);
  const auto child = clone_first_process(beginning, CLONE_PARENT);
  linux::send_message(answer, std::to_string(child.pid), {child.pidfd.get()});
}

// A restart is in the user namespace that the network namespace it keeps belongs to.
linux::Child start_in_user_namespace(Beginning& beginning) {
  beginning.users = beginning.network != nullptr ? linux::user_namespace_of(*beginning.network)
                                                 : make_user_namespace(beginning.spec.ids);
  auto answers = linux::make_socket_pair();
  const auto body = [&] {
    beginning.monitors_end.reset();
    answers.first.reset();
    try {
      prepare_enter_and_clone(beginning, answers.second.get());
      return 0;
    } catch (const std::exception& failure) {
      return report_failure(answers.second.get(), failure);
    }
  };
  const auto between = linux::clone_child(CLONE_NEWNS, body);
  answers.second.reset();
  auto message = linux::receive_message(answers.first.get());
  linux::wait_for(between.pidfd);
  if (!message) throw Error("the process that prepares the container has died");
  if (message->descriptors.empty()) {
    const auto failure = base::from_wire<ChildMessage>(message->bytes);
    throw Error(failure.error).with_exit_code(failure.code);
  }
  return {static_cast<pid_t>(base::parse_number(message->bytes).value_or(0)), std::move(message->descriptors.front())};
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
  Beginning beginning{spec, network, channel, monitors_end, streams, std::nullopt, std::nullopt};
  return has_own_ids(spec.ids) ? start_in_user_namespace(beginning) : clone_first_process(beginning);
}

}  // namespace conductor::monitor
