#include "monitor/terminal_keeper.hpp"

#include "base/error.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace conductor::monitor {
namespace {

using base::Error;
using linux::Fd;

// The only descriptors of a keeper.
constexpr int listener_number = 0, controller_number = 1, process_number = 2;

void hand_over() {
  const Fd client(accept4(listener_number, nullptr, nullptr, SOCK_CLOEXEC));
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (!client || getsockopt(client.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0 ||
      credentials.uid != geteuid())
    return;
  try {
    linux::send_message(client.get(), "terminal", {controller_number});
  } catch (const Error&) {
    // It has gone again.
  }
}

// Nothing of the monitor may live on in it: ports, streams, the connection to whoever started the container.
int keep(const Fd& listener, const Fd& controller, const Fd& process) {
  prctl(PR_SET_NAME, "conductor-tty", 0, 0, 0);
  const Fd copies[] = {listener.duplicate(), controller.duplicate(), process.duplicate()};
  for (const int number : {listener_number, controller_number, process_number})
    if (dup3(copies[number].get(), number, O_CLOEXEC) < 0) return base::exit_error;
  syscall(SYS_close_range, 3U, ~0U, 0U);
  pollfd entries[] = {{process_number, POLLIN, 0}, {listener_number, POLLIN, 0}};
  for (;;) {
    if (poll(entries, 2, -1) < 0) continue;
    if (entries[0].revents != 0) _exit(0);
    if (entries[1].revents != 0) hand_over();
  }
}

}  // namespace

linux::Child start_terminal_keeper(const std::string& path, const Fd& controller, const Fd& process) {
  unlink(path.c_str());
  const Fd listener = linux::listen_unix(path);
  return linux::clone_child(0, [&] { return keep(listener, controller, process); });
}

std::optional<Fd> ask_terminal_keeper(const std::string& path) {
  const auto keeper = linux::connect_unix(path);
  if (!keeper) return std::nullopt;
  auto message = linux::receive_message(keeper->get());
  if (!message || message->descriptors.empty()) return std::nullopt;
  return std::move(message->descriptors.front());
}

}  // namespace conductor::monitor
