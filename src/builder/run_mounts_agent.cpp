#include "builder/run_mounts_agent.hpp"

#include "base/error.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <list>
#include <vector>

namespace conductor::builder {
namespace {

using base::Error;
using linux::Fd;

constexpr const char* socket_name = "agent";
constexpr std::size_t max_connections = 16;

Fd make_socket() {
  Fd made(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!made) throw Error::from_errno("cannot make a socket");
  return made;
}

// Through a descriptor, because a path may be too long for a socket's address.
sockaddr_un address_of(const Fd& place, const char* below) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d%s", place.get(), below);
  return address;
}

template <class Call>
bool with_address(Call&& call, const Fd& socket, const sockaddr_un& address) {
  return call(socket.get(), static_cast<const sockaddr*>(static_cast<const void*>(&address)), sizeof address) == 0;
}

struct Connection {
  std::array<Fd, 2> ends;             // the step's, the agent's
  std::array<std::string, 2> unsent;  // read from that end, not yet written to the other

  // An end that nothing is wanted of is not looked at: that it is gone would be told again and again.
  pollfd wait(std::size_t end) const {
    const int in = unsent[end].empty() ? POLLIN : 0, out = unsent[1 - end].empty() ? 0 : POLLOUT;
    return {(in | out) != 0 ? ends[end].get() : -1, static_cast<short>(in | out), 0};
  }
  // False when the connection has come to its end.
  bool pass_on(std::size_t end, short events) {
    if (events == 0) return true;
    std::string& going_out = unsent[1 - end];
    if (!going_out.empty()) {
      const ssize_t sent = send(ends[end].get(), going_out.data(), going_out.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno != EAGAIN && errno != EINTR) return false;
      if (sent > 0) going_out.erase(0, static_cast<std::size_t>(sent));
    }
    if (!unsent[end].empty()) return true;
    std::array<char, 16384> buffer;
    const ssize_t size = recv(ends[end].get(), buffer.data(), buffer.size(), 0);
    if (size > 0) unsent[end].assign(buffer.data(), static_cast<std::size_t>(size));
    return size > 0 || (size < 0 && (errno == EAGAIN || errno == EINTR));
  }
};

}  // namespace

AgentProxy::AgentProxy(Fd agent, const std::string& directory, const Access& access)
    : agent_(std::move(agent)), listener_(make_socket()) {
  const Fd place = linux::open_file(directory, O_PATH | O_DIRECTORY);
  if (!with_address(bind, listener_, address_of(place, "/agent")) || listen(listener_.get(), max_connections) != 0)
    throw Error::from_errno("cannot make a socket for the ssh agent");
  if (fchownat(place.get(), socket_name, access.uid, access.gid, AT_SYMLINK_NOFOLLOW) != 0 ||
      fchmodat(place.get(), socket_name, access.mode, 0) != 0)
    throw Error::from_errno("cannot set the owner of the ssh agent's socket");
  socket_ = linux::open_at(place.get(), socket_name, O_PATH | O_NOFOLLOW);
  // Signals are left to the other threads.
  sigset_t all{}, before{};
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { serve(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

AgentProxy::~AgentProxy() {
  stop_.request();
  thread_.join();
}

void AgentProxy::serve() {
  std::list<Connection> connections;
  for (;;) {
    const int listener = connections.size() < max_connections ? listener_.get() : -1;
    std::vector<pollfd> waits{{stop_.descriptor(), POLLIN, 0}, {listener, POLLIN, 0}};
    for (const auto& one : connections)
      for (const std::size_t end : {0U, 1U}) waits.push_back(one.wait(end));
    if (poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) return;
    if (waits[0].revents != 0) return;
    auto wait = waits.begin() + 2;
    for (auto one = connections.begin(); one != connections.end(); wait += 2) {
      const bool goes_on = one->pass_on(0, wait[0].revents) && one->pass_on(1, wait[1].revents);
      one = goes_on ? std::next(one) : connections.erase(one);
    }
    if (waits[1].revents == 0) continue;
    Fd client(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    Fd agent(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    // An agent that is gone or busy: the step sees its connection closed.
    if (!client || !agent || !with_address(connect, agent, address_of(agent_, ""))) continue;
    connections.push_back({{std::move(client), std::move(agent)}, {}});
  }
}

}  // namespace conductor::builder
