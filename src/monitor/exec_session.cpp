#include "monitor/exec_session.hpp"

#include "base/error.hpp"
#include "base/wire.hpp"
#include "monitor/user_ids.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace conductor::monitor {
namespace {

using base::Error;
using linux::Fd;

Fd copy(int fd) {
  Fd duplicate(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!duplicate) throw Error::from_errno("cannot duplicate a stream");
  return duplicate;
}

// A process in a container may open its streams anew through /proc/self/fd, with more rights than they came with. That
// is harmless for a pipe and the null device; files and terminals of the host are relayed. A pipe of the host's root
// cannot be opened anew by ids of the container's own, which every program may want to do: it is relayed as well.
bool may_be_handed_on(int fd, bool own_ids) {
  struct stat found{};
  return fstat(fd, &found) == 0 && ((S_ISFIFO(found.st_mode) && !own_ids) || is_null_device(fd));
}

}  // namespace

ExecSession::ExecSession(ExecSpec spec) : spec_(std::move(spec)), control_(control_descriptor) {
  if (spec_.detach) spec_.process.terminal = false;
}

Fd ExecSession::input_for_process(bool& ours) {
  if (is_null_device(STDIN_FILENO)) return linux::open_file("/dev/null", O_RDONLY);  // ours may be for writing only
  if (may_be_handed_on(STDIN_FILENO, own_ids_)) return copy(STDIN_FILENO);
  auto pipe = linux::make_pipe();
  input_ = std::make_unique<Relay>(loop_, copy(STDIN_FILENO));
  input_->connect(Outlet::own(std::move(pipe.write)));
  input_->on_end = [this] { input_->disconnect(); };
  ours = true;
  return std::move(pipe.read);
}

Fd ExecSession::output_for_process(int fd, std::unique_ptr<Relay>& relay, bool& ours) {
  if (may_be_handed_on(fd, own_ids_)) return copy(fd);
  auto pipe = linux::make_pipe();
  relay = std::make_unique<Relay>(loop_, std::move(pipe.read));
  relay->connect(Outlet::shared(fd));
  ours = true;
  return std::move(pipe.write);
}

ProcessStreams ExecSession::make_terminal() {
  auto terminal = open_container_terminal(spec_.container.pid);
  controller_ = std::move(terminal.controller);
  if (const auto size = linux::window_size(STDOUT_FILENO)) linux::set_window_size(controller_.get(), *size);
  input_ = std::make_unique<Relay>(loop_, copy(STDIN_FILENO));
  input_->connect(Outlet::own(copy(controller_.get())));
  input_->on_end = [this] { input_->disconnect(); };
  output_ = std::make_unique<Relay>(loop_, copy(controller_.get()));
  output_->connect(Outlet::shared(STDOUT_FILENO));
  ProcessStreams streams;
  for (auto& fd : streams.fd) fd = terminal.peer.duplicate();
  streams.ours = {true, true, true};
  return streams;
}

ProcessStreams ExecSession::make_streams() {
  if (spec_.process.terminal) return make_terminal();
  ProcessStreams streams;
  streams.fd = {input_for_process(streams.ours[0]), output_for_process(STDOUT_FILENO, output_, streams.ours[1]),
                output_for_process(STDERR_FILENO, error_, streams.ours[2])};
  return streams;
}

int ExecSession::run() {
  const auto container = linux::open_process(spec_.container);
  if (!container) throw Error("the container is not running");
  own_ids_ = has_own_ids(spec_.container.pid);
  // The last look at the host's files: what follows happens in the container's namespaces.
  ProcessStreams streams = make_streams();
  auto [ours, theirs] = linux::make_socket_pair();
  channel_ = std::move(ours);
  process_ = start_joined_process(spec_, *container, std::move(theirs), std::move(streams));
  loop_.add(channel_.get(), EPOLLIN, [this] { on_child_message(); });
  loop_.add(process_.pidfd.get(), EPOLLIN, [this] { on_end(); });
  loop_.add(control_.get(), EPOLLIN, [this] { on_command(); });
  for (const auto* relay : {&input_, &output_, &error_})
    if (*relay) (*relay)->start();
  loop_.run();
  if (failure_) throw Error(failure_->error).with_exit_code(failure_->code);
  return code_;
}

void ExecSession::on_child_message() {
  if (const auto message = linux::receive_message(channel_.get())) {
    failure_ = base::from_wire<ChildMessage>(message->bytes);
    return;
  }
  loop_.remove(channel_.get());
  channel_.reset();
  if (spec_.detach && !failure_) loop_.stop();
}

void ExecSession::on_command() {
  const auto message = linux::receive_message(control_.get());
  if (!message) return detach();
  const auto command = base::from_wire<Command>(message->bytes);
  if (command.request == Request::resize && controller_)
    linux::set_window_size(controller_.get(), {command.rows, command.columns});
  if (command.request == Request::signal && process_.pidfd) linux::send_signal(process_.pidfd, command.signal);
}

// Whoever asked for it has left: it goes on, and what it writes is read and thrown away. The end of the connection is
// said, as others of this process hold its descriptor, too.
void ExecSession::detach() {
  for (auto* relay : {&output_, &error_})
    if (*relay) (*relay)->disconnect();
  loop_.remove(control_.get());
  shutdown(control_.get(), SHUT_RDWR);
}

// What the process has written is passed on before its end is. What others of the container still hold open is not
// waited for.
void ExecSession::on_end() {
  loop_.remove(process_.pidfd.get());
  if (channel_ && linux::wait_readable(channel_.get(), 0)) on_child_message();
  code_ = linux::wait_for(process_.pidfd).shell_code();
  process_.pidfd.reset();
  const auto stop = [this] { loop_.stop(); };
  const auto error_part = [this, stop] { error_ ? error_->drain(stop) : stop(); };
  output_ ? output_->drain(error_part) : error_part();
}

}  // namespace conductor::monitor
