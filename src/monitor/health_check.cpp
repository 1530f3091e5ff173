#include "monitor/health_check.hpp"

#include "base/error.hpp"
#include "base/wire.hpp"
#include "linux/events.hpp"
#include "linux/process.hpp"
#include "monitor/channel.hpp"
#include "monitor/joined_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <string>

namespace conductor::monitor {
namespace {

using base::Error;
using linux::Fd;

constexpr unsigned to_process_group = 1U << 2U;  // PIDFD_SIGNAL_PROCESS_GROUP, Linux 6.9

// The check leads a session, so its group is everything it started that did not leave on purpose.
void kill_group(const Fd& leader) {
  if (syscall(SYS_pidfd_send_signal, leader.get(), SIGKILL, nullptr, to_process_group) != 0 && errno == EINVAL)
    linux::send_signal(leader, SIGKILL);
}

struct Result {
  std::string output;
  bool in_time = true;
};

// Collects output until the process has ended, time is up, or we are told to stop.
Result watch(const Fd& process, const Fd& source, const Fd& stop, std::chrono::nanoseconds timeout) {
  const Fd timer = linux::make_timer();
  if (timeout.count() > 0) linux::arm_timer(timer, timeout);
  Result result;
  char buffer[max_health_output];
  pollfd entries[] = {
      {process.get(), POLLIN, 0}, {source.get(), POLLIN, 0}, {timer.get(), POLLIN, 0}, {stop.get(), POLLIN, 0}};
  for (;;) {
    if (poll(entries, 4, -1) < 0 && errno != EINTR) throw Error::from_errno("cannot wait for the check");
    if (entries[1].revents != 0) {
      const ssize_t size = read(source.get(), buffer, sizeof buffer);
      if (size > 0) {
        result.output.append(buffer, static_cast<std::size_t>(size));
        result.output.erase(0, result.output.size() - std::min(result.output.size(), max_health_output));
        continue;
      }
      entries[1].fd = -1;
      entries[1].revents = 0;
    }
    if (entries[0].revents != 0) return result;
    if (entries[2].revents != 0 || entries[3].revents != 0) return result.in_time = false, result;
  }
}

int run(const ExecSpec& spec, std::chrono::nanoseconds timeout, std::string& output) {
  const auto container = linux::open_process(spec.container);
  if (!container) throw Error("the container has ended");
  const Fd stop = linux::signal_descriptor({SIGTERM});
  auto pipe = linux::make_pipe();
  auto [ours, theirs] = linux::make_socket_pair();
  ProcessStreams streams;
  streams.fd = {linux::open_file("/dev/null", O_RDONLY), pipe.write.duplicate(), std::move(pipe.write)};
  streams.ours = {false, true, true};
  const auto child = start_joined_process(spec, *container, std::move(theirs), std::move(streams));
  auto [text, in_time] = watch(child.pidfd, pipe.read, stop, timeout);
  output = std::move(text);
  if (const auto message = linux::receive_message(ours.get()))
    output += base::from_wire<ChildMessage>(message->bytes).error;
  kill_group(child.pidfd);
  const auto ending = linux::wait_for(child.pidfd);
  if (in_time) return ending.shell_code();
  output += "health check exceeded its timeout";
  return 1;
}

}  // namespace

int run_health_check(const ExecSpec& spec, std::chrono::nanoseconds timeout, const Fd& output) {
  std::string text;
  int code = 1;
  try {
    code = run(spec, timeout, text);
  } catch (const std::exception& failure) {
    text += failure.what();
  }
  text.erase(0, text.size() - std::min(text.size(), max_health_output));
  if (!text.empty() && write(output.get(), text.data(), text.size()) < 0) return 1;
  return code;
}

}  // namespace conductor::monitor
