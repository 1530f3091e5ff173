#include "monitor/container_streams.hpp"

#include "base/error.hpp"
#include "linux/terminal.hpp"
#include "monitor/terminal_keeper.hpp"
#include "monitor/user_ids.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace conductor::monitor {
namespace {

using base::Error;
using linux::Fd;

constexpr const char* output_name = "/stdout";
constexpr const char* error_name = "/stderr";

void make_fifo(const std::string& path) {
  unlink(path.c_str());
  if (mkfifo(path.c_str(), 0600) != 0) throw Error::from_errno("cannot make " + path);
}

Fd copy(int fd) {
  Fd duplicate(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!duplicate) throw Error::from_errno("cannot duplicate a stream");
  return duplicate;
}

bool is_fifo(int fd) {
  struct stat found{};
  return fstat(fd, &found) == 0 && S_ISFIFO(found.st_mode);
}

bool is_nobody(int fd, bool input) {
  if (!is_null_device(fd)) return false;
  return !input || (fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY;
}

}  // namespace

ContainerStreams::ContainerStreams(Loop& loop, const LaunchSpec& spec, Files files)
    : loop_(loop), spec_(spec), log_(loop, spec) {
  log_.on_room = [this] {
    for (auto* relay : {output_.get(), error_.get()})
      if (relay != nullptr) relay->resume();
  };
  if (spec.process.terminal) {
    if (files == Files::make) return;
    if (auto controller = ask_terminal_keeper(terminal_socket())) connect_terminal(std::move(*controller));
    return;
  }
  for (const auto& [name, stream, relay] :
       {std::tuple{output_name, std::uint8_t{1}, &output_}, std::tuple{error_name, std::uint8_t{2}, &error_}}) {
    const std::string path = spec.run_directory + name;
    if (files == Files::make) make_fifo(path);
    *relay = output_relay(linux::open_file(path, O_RDWR | O_NONBLOCK), stream);
  }
}

std::unique_ptr<Relay> ContainerStreams::output_relay(Fd source, std::uint8_t stream) {
  const bool taken = log_.takes() && is_fifo(source.get());
  auto relay = std::make_unique<Relay>(loop_, std::move(source),
                                       [this, stream](std::string_view bytes) { return log_.append(stream, bytes); });
  if (taken) relay->take_with([this, stream](int from, char* copy) { return log_.take(stream, from, copy); });
  relay->start();
  return relay;
}

ProcessStreams ContainerStreams::for_process() {
  ProcessStreams streams;
  if (spec_.process.terminal) return streams;
  const auto starter = attached_.find(Control::starter);
  if (!spec_.open_stdin) {
    streams.fd[0] = linux::open_file("/dev/null", O_RDONLY);
  } else if (starter != attached_.end() && starter->second.fd[0] && is_fifo(starter->second.fd[0].get()) &&
             !has_own_ids(spec_.ids)) {
    streams.fd[0] = copy(starter->second.fd[0].get());
    input_given_ = copy(starter->second.fd[0].get());
  } else {
    auto pipe = linux::make_pipe();
    input_given_.reset();
    streams.fd[0] = std::move(pipe.read);
    streams.ours[0] = true;
    input_sink_ = std::move(pipe.write);
    for (auto& [client, attached] : attached_) connect_input(client, attached);
  }
  streams.fd[1] = linux::open_file(spec_.run_directory + output_name, O_RDWR);
  streams.fd[2] = linux::open_file(spec_.run_directory + error_name, O_RDWR);
  streams.ours[1] = streams.ours[2] = true;
  return streams;
}

void ContainerStreams::use_terminal(Fd controller, const Fd& process) {
  for (const auto& [client, attached] : attached_) {
    if (!attached.fd[1]) continue;
    if (const auto size = linux::window_size(attached.fd[1].get())) linux::set_window_size(controller.get(), *size);
  }
  if (terminal_keeper_.pidfd) linux::wait_for(terminal_keeper_.pidfd);  // that of the run before
  terminal_keeper_ = start_terminal_keeper(terminal_socket(), controller, process);
  connect_terminal(std::move(controller));
}

void ContainerStreams::connect_terminal(Fd controller) {
  input_sink_ = copy(controller.get());
  output_ = output_relay(std::move(controller), 1);
  for (const auto& [client, attached] : attached_) connect(client);
}

// --- those who are attached
// ---------------------------------------------------------------------------------------------

void ContainerStreams::attach(Control::Client client, int input, int output, int error) {
  Attached& attached = attached_[client];
  const int fds[] = {input, output, error};
  for (int i = 0; i < 3; ++i)
    if (!is_nobody(fds[i], i == 0)) attached.fd[i] = copy(fds[i]);
  connect(client);
}

void ContainerStreams::connect(Control::Client client) {
  Attached& attached = attached_.at(client);
  if (output_ && attached.fd[1]) output_->connect(Outlet::shared(attached.fd[1].get()), client);
  if (error_ && attached.fd[2]) error_->connect(Outlet::shared(attached.fd[2].get()), client);
  connect_input(client, attached);
}

// The end of input is passed on by closing the pipe; a terminal stays open, as it has other readers.
void ContainerStreams::connect_input(Control::Client client, Attached& attached) {
  const bool starter = client == Control::starter;
  if (!spec_.open_stdin || !attached.fd[0] || (starter && input_given_)) return;
  auto outlet = input_outlet();
  if (!outlet) return;
  attached.input = std::make_unique<Relay>(loop_, copy(attached.fd[0].get()));
  attached.input->connect(std::move(*outlet));
  attached.input->on_end = [this, starter, relay = attached.input.get()] {
    relay->disconnect();
    if (starter && !spec_.process.terminal) input_sink_.reset();
  };
  attached.input->start();
}

// A pipe that was given is opened a second time for whoever else writes: only while he is there.
std::optional<Outlet> ContainerStreams::input_outlet() const {
  if (input_sink_) return Outlet::own(copy(input_sink_.get()));
  if (input_given_) return Outlet::shared(input_given_.get());
  return std::nullopt;
}

void ContainerStreams::detach(Control::Client client) {
  if (attached_.erase(client) == 0) return;
  if (output_) output_->disconnect(client);
  if (error_) error_->disconnect(client);
}

void ContainerStreams::detach_all() {
  while (!attached_.empty()) detach(attached_.begin()->first);
}

void ContainerStreams::resize(linux::WindowSize size) {
  if (spec_.process.terminal && input_sink_) linux::set_window_size(input_sink_.get(), size);
}

void ContainerStreams::drain(std::function<void()> done) {
  const auto log_part = [this, done = std::move(done)] { log_.flush(done); };
  const auto error_part = [this, log_part] { error_ ? error_->drain(log_part) : log_part(); };
  output_ ? output_->drain(error_part) : error_part();
}

void ContainerStreams::remove_files() {
  for (const char* name : {output_name, error_name, "/log-writer"}) unlink((spec_.run_directory + name).c_str());
  unlink(terminal_socket().c_str());
  if (terminal_keeper_.pidfd) linux::wait_for(terminal_keeper_.pidfd);
  terminal_keeper_ = {};
}

}  // namespace conductor::monitor
