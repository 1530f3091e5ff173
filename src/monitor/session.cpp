#include "monitor/session.hpp"

#include "base/error.hpp"
#include "base/wire.hpp"
#include "linux/cgroup.hpp"
#include "linux/events.hpp"
#include "linux/namespaces.hpp"
#include "monitor/event_journal.hpp"
#include "monitor/exit_code.hpp"
#include "monitor/first_process.hpp"
#include "monitor/status.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

namespace conductor::monitor {
namespace {

using base::Error;
using linux::Fd;

bool readable(const Fd& fd) {
  pollfd entry{fd.get(), POLLIN, 0};
  return poll(&entry, 1, 0) > 0;
}

}  // namespace

Session::Session(LaunchSpec spec, Origin origin)
    : spec_(std::move(spec)),
      control_(
          loop_, spec_.run_directory + "/control",
          [this](Control::Client client, const Command& command, std::vector<Fd>& descriptors) {
            on_command(client, command, descriptors);
          },
          [this](Control::Client client) { on_gone(client); }),
      streams_(loop_, spec_, origin == Origin::orphan ? ContainerStreams::Files::find : ContainerStreams::Files::make),
      health_(loop_, spec_,
              [this](const HealthRecord& record, HealthResult result) { note_health(record, std::move(result)); }),
      forwarder_(loop_),
      restart_(spec_.restart),
      network_(network_descriptor),
      restart_timer_(linux::make_timer()),
      kill_timer_(linux::make_timer()) {
  loop_.add(restart_timer_.get(), EPOLLIN, [this] {
    linux::clear_timer(restart_timer_);
    relaunch();
  });
  loop_.add(kill_timer_.get(), EPOLLIN, [this] {
    linux::clear_timer(kill_timer_);
    signal(SIGKILL);
  });
  status_.monitor = linux::identify(getpid());
}

void Session::run() {
  streams_.attach(Control::starter, STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO);
  if (spec_.network == NetworkNamespace::joined) keep_network_namespace(Fd(first_sent_descriptor + spec_.sent_network));
  launch();
  watch_memory();
  control_.listen();
  loop_.run();
}

// --- a run
// --------------------------------------------------------------------------------------------------------------

void Session::launch() {
  failure_.reset();
  auto [ours, theirs] = linux::make_socket_pair();
  const bool joins = spec_.network == NetworkNamespace::joined || (ran_ && spec_.network == NetworkNamespace::own);
  const Fd* kept = joins ? &network_ : nullptr;
  process_ = start_first_process(spec_, kept, std::move(theirs), ours, streams_.for_process());
  is_our_child_ = true;
  channel_ = std::move(ours);
  if (!ran_ && !joins) keep_network_namespace(network_of(process_.pid));
  status_.process = linux::identify(process_.pid);
  loop_.add(channel_.get(), EPOLLIN, [this] { on_child_message(); });
  watch_process();
}

// A machine that is short of something now may have it at the next try.
void Session::relaunch() {
  try {
    launch();
  } catch (const Error& e) {
    failure_ = ChildMessage{Step::failed, e.exit_code(), e.what()};
    run_began_ = std::chrono::steady_clock::now();
    after_run(e.exit_code());
  }
}

void Session::on_child_message() {
  auto message = linux::receive_message(channel_.get());
  if (!message) {
    loop_.remove(channel_.get());
    channel_.reset();
    if (released_ && !failure_) on_running();
    return;
  }
  auto said = base::from_wire<ChildMessage>(message->bytes);
  if (said.step == Step::ready) return on_ready(std::move(message->descriptors));
  if (said.step == Step::failed) failure_ = std::move(said);
}

void Session::on_ready(std::vector<Fd> descriptors) {
  if (!descriptors.empty()) streams_.use_terminal(std::move(descriptors.front()), process_.pidfd);
  if (released_) return release();
  status_.phase = Phase::created;
  save_status();
  report(Event::created);
}

void Session::release() {
  released_ = true;
  ChildMessage go;
  go.step = Step::go;
  linux::send_message(channel_.get(), base::to_wire(go));
}

void Session::on_running() {
  ran_ = true;
  run_began_ = std::chrono::steady_clock::now();
  status_.phase = Phase::running;
  status_.started_at = now_ns();
  status_.health = health_.wanted() ? Health::starting : Health::none;
  status_.failing_streak = 0;
  save_status();
  tell("start");
  if (status_.restarts == 0) report(Event::started);
  health_.start(status_.process);
}

void Session::watch_process() {
  loop_.add(process_.pidfd.get(), EPOLLIN, [this] { on_process_end(); });
}

void Session::on_process_end() {
  loop_.remove(process_.pidfd.get());
  while (channel_ && readable(channel_)) on_child_message();
  const linux::Ending ending = take_ending();
  linux::arm_timer(kill_timer_, std::chrono::nanoseconds(0));
  thaw();
  health_.stop();
  process_ = {};
  status_.process = {};
  const bool killed = out_of_memory();
  if (killed && !status_.out_of_memory) tell("oom");
  status_.out_of_memory = killed;
  streams_.drain([this, code = ending.code] { after_run(code); });
}

linux::Ending Session::take_ending() {
  if (!is_our_child_) return {orphan_exit_code(status_.process, process_.pidfd), 0};
  return {linux::wait_for(process_.pidfd).shell_code(), 0};
}

void Session::after_run(int code) {
  if (!released_ && (status_.stopped_by_user || !control_.has_starter())) return abandon();
  if (!ran_) {
    const ChildMessage killed{Step::failed, base::exit_error,
                              "the first process ended before it could start its program"};
    return fail_to_start(failure_ ? *failure_ : killed);
  }
  if (failure_) status_.error = failure_->error;
  status_.exit_code = failure_ ? failure_->code : code;
  status_.finished_at = now_ns();
  tell("die", "exitCode", std::to_string(status_.exit_code));
  if (wants_restart(restart_, status_.exit_code, status_.restarts, status_.stopped_by_user) && can_run_again())
    return restart_later();
  finish(status_.exit_code);
}

// The files of a network that another container has let it share are that one's.
bool Session::can_run_again() {
  if (spec_.network != NetworkNamespace::joined) return true;
  const auto is_gone = [](const Mount& mount) {
    return mount.source.starts_with('/') && mount.target == "/etc/hosts" && access(mount.source.c_str(), F_OK) != 0;
  };
  if (std::none_of(spec_.mounts.begin(), spec_.mounts.end(), is_gone)) return true;
  status_.error = "it is not started again: the container whose network it shares has been removed";
  return false;
}

void Session::restart_later() {
  status_.phase = Phase::restarting;
  ++status_.restarts;
  save_status();
  linux::arm_timer(restart_timer_, back_off_.next(std::chrono::steady_clock::now() - run_began_));
}

// --- the end
// ------------------------------------------------------------------------------------------------------------

void Session::fail_to_start(const ChildMessage& failure) {
  status_.phase = Phase::exited;
  status_.exit_code = failure.code;
  status_.error = failure.error;
  status_.finished_at = now_ns();
  clean_up();
  save_status();
  report(Event::failed, failure.code, failure.error);
  if (!control_.has_starter()) run_clean_up_program();
  loop_.stop();
}

void Session::finish(int code) {
  status_.phase = Phase::exited;
  clean_up();
  save_status();
  report(Event::exited, code);
  if (!control_.has_starter()) run_clean_up_program();
  loop_.stop();
}

// Nobody waits for it and nobody has seen it: it never was.
void Session::abandon() {
  clean_up();
  unlink(spec_.status_file.c_str());
  unlink((spec_.run_directory + "/spec").c_str());
  rmdir(spec_.run_directory.c_str());
  if (!control_.has_starter()) run_clean_up_program();
  loop_.stop();
}

void Session::clean_up() {
  forwarder_.stop();
  resolver_.reset();
  loop_.remove(memory_watch_.descriptor());
  control_.close();
  streams_.remove_files();
  bool left = false;
  for (const auto& directory : spec_.cgroup_directories) left = !linux::remove_cgroup_directory(directory) || left;
  if (left) linux::Cgroup(spec_.cgroup).remove();  // somebody made groups in ours
}

void Session::run_clean_up_program() const {
  if (spec_.on_exit.empty()) return;
  const Fd null = linux::open_file("/dev/null", O_RDWR);
  try {
    linux::spawn({spec_.on_exit.front(),
                  spec_.on_exit,
                  {std::string("PATH=/usr/sbin:/usr/bin:/sbin:/bin")},
                  {null.get(), null.get(), null.get()},
                  true});
  } catch (const Error&) {
    // The next command that looks at the container does the same.
  }
}

void Session::note_health(const HealthRecord& record, HealthResult result) {
  if (record.health != status_.health)
    tell(record.health == Health::healthy ? "health_status: healthy" : "health_status: unhealthy");
  status_.health = record.health;
  status_.failing_streak = record.failing_streak;
  if (status_.health_log.size() == max_health_results) status_.health_log.erase(status_.health_log.begin());
  status_.health_log.push_back(std::move(result));
  save_status();
}

// --- parts
// --------------------------------------------------------------------------------------------------------------

Fd Session::network_of(pid_t process) const {
  return spec_.network == NetworkNamespace::host ? linux::open_own_namespace("net")
                                                 : linux::open_namespace(process, "net");
}

// Under its fixed number it can be opened from outside, and it outlives a run.
void Session::keep_network_namespace(const Fd& network) {
  if (dup3(network.get(), network_descriptor, O_CLOEXEC) < 0)
    throw Error::from_errno("cannot keep the network namespace");
}

void Session::serve_names(const Resolver& resolver) {
  resolver_.reset();
  if (resolver.names.empty()) return;
  resolver_ = std::make_unique<NameResolver>(loop_, resolver);
  resolver_->listen(network_);
}

// A process of the container may have taken the place meanwhile: it deceives nobody but the container itself.
void Session::serve_names_again() {
  try {
    serve_names(spec_.resolver);
  } catch (const Error&) {
    resolver_.reset();
  }
}

void Session::watch_memory() {
  memory_watch_.begin(spec_.cgroup_directories);
  if (memory_watch_.descriptor() >= 0)
    loop_.add(memory_watch_.descriptor(), memory_watch_.events(), [this] { on_out_of_memory(); });
}

// Perhaps of another process than the first: then the container runs on.
void Session::on_out_of_memory() {
  if (!memory_watch_.happened()) return;
  if (!status_.out_of_memory) tell("oom");
  status_.out_of_memory = true;
  save_status();
}

bool Session::out_of_memory() {
  const std::uint64_t kills = count_out_of_memory_kills(spec_.cgroup_directories);
  const bool more = kills > out_of_memory_kills_;
  out_of_memory_kills_ = kills;
  return more;
}

void Session::report(Event event, int code, const std::string& error) {
  Report report;
  report.event = event;
  report.process = status_.process;
  report.code = code;
  report.error = error;
  control_.report(report);
}

void Session::tell(const char* action, const char* attribute, const std::string& value) const {
  auto attributes = spec_.event_attributes;
  if (attribute != nullptr) attributes.push_back({attribute, value});
  append_event(spec_.event_journal, "container", action, spec_.id, attributes);
}

// A full disk must not end the monitor: what cannot be written now is written with the next change.
void Session::save_status() {
  try {
    write_status(spec_.status_file, status_);
  } catch (const Error&) {
  }
}

// --- adoption
// -----------------------------------------------------------------------------------------------------------

void Session::adopt() {
  const linux::ProcessId monitor = status_.monitor;
  status_ = base::from_wire<Status>(linux::read_file(spec_.status_file));
  status_.monitor = monitor;
  auto process = linux::open_process(status_.process);
  if (!process) throw Error("the process of the container is gone");
  process_ = {status_.process.pid, std::move(*process)};
  keep_network_namespace(network_of(process_.pid));
  released_ = ran_ = true;
  run_began_ = std::chrono::steady_clock::now();
  out_of_memory_kills_ = count_out_of_memory_kills(spec_.cgroup_directories);
  watch_memory();
  watch_process();
  control_.listen();
  save_status();
  health_.start(status_.process);
  hold_by_status();
  serve_names_again();
  report(Event::started);
  loop_.run();
}

}  // namespace conductor::monitor
