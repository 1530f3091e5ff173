#include "monitor/container_streams.hpp"

#include "base/error.hpp"
#include "linux/terminal.hpp"

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
  if (spec.process.terminal) return;
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
  if (!spec_.open_stdin) {
    streams.fd[0] = linux::open_file("/dev/null", O_RDONLY);
  } else if (attached_[0] && is_fifo(attached_[0].get())) {
    streams.fd[0] = copy(attached_[0].get());  // a pipe can be handed on as it is
  } else {
    auto pipe = linux::make_pipe();
    streams.fd[0] = std::move(pipe.read);
    streams.ours[0] = true;
    input_sink_ = std::move(pipe.write);
    attach_input();
  }
  streams.fd[1] = linux::open_file(spec_.run_directory + output_name, O_RDWR);
  streams.fd[2] = linux::open_file(spec_.run_directory + error_name, O_RDWR);
  streams.ours[1] = streams.ours[2] = true;
  return streams;
}

void ContainerStreams::use_terminal(Fd controller) {
  if (attached_[1])
    if (const auto size = linux::window_size(attached_[1].get())) linux::set_window_size(controller.get(), *size);
  input_sink_ = copy(controller.get());
  output_ = output_relay(std::move(controller), 1);
  attach_outputs();
  attach_input();
}

void ContainerStreams::attach(int input, int output, int error) {
  detach();
  const int fds[] = {input, output, error};
  for (int i = 0; i < 3; ++i)
    if (!is_nobody(fds[i], i == 0)) attached_[i] = copy(fds[i]);
  attach_outputs();
  attach_input();
}

void ContainerStreams::attach_outputs() {
  if (output_ && attached_[1]) output_->connect(Outlet::shared(attached_[1].get()));
  if (error_ && attached_[2]) error_->connect(Outlet::shared(attached_[2].get()));
}

// The end of input is passed on by closing the pipe; a terminal stays open, as it has other readers.
void ContainerStreams::attach_input() {
  if (!spec_.open_stdin || !attached_[0] || !input_sink_) return;
  input_ = std::make_unique<Relay>(loop_, copy(attached_[0].get()));
  input_->connect(Outlet::own(copy(input_sink_.get())));
  input_->on_end = [this] {
    input_->connect(std::nullopt);
    if (!spec_.process.terminal) input_sink_.reset();
  };
  input_->start();
}

void ContainerStreams::detach() {
  for (auto& fd : attached_) fd.reset();
  if (output_) output_->connect(std::nullopt);
  if (error_) error_->connect(std::nullopt);
  input_.reset();
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
}

}  // namespace conductor::monitor
