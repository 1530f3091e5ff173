#include "monitor/forward.hpp"

#include "base/error.hpp"
#include "linux/packet_guard.hpp"
#include "monitor/forward_udp.hpp"
#include "monitor/socket_address.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace conductor::monitor {
namespace {

using linux::Fd;

constexpr std::size_t max_connections = 4096;
constexpr std::size_t splice_size = 64U << 10U;

// The monitor needs few descriptors, six for each connection it forwards.
void allow_many_descriptors() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

bool is_bound_to(int socket, const WithdrawnPort& port) {
  const SocketAddress wanted = socket_address(port.address, port.port);
  sockaddr_storage found{};
  socklen_t size = sizeof found;
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&found), &size) != 0 || size != wanted.size) return false;
  return std::memcmp(&found, &wanted.storage, size) == 0;
}

}  // namespace

// One direction of a connection, through a pipe.
class Direction {
 public:
  Direction(int from, int to) : from_(from), to_(to) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) throw base::Error::from_errno("cannot make a pipe");
    pipe_ = {Fd(ends[0]), Fd(ends[1])};
  }
  bool done() const { return ended_ && held_ == 0; }
  // Moves what can be moved now; false when the connection is broken.
  bool move() {
    if (done()) return true;
    for (bool progress = true; progress && !done();) {
      const ssize_t in = ended_ ? -1 : move_bytes(from_, pipe_.write.get());
      if (in < 0 && !ended_ && errno != EAGAIN) return false;
      if (in == 0) ended_ = true;
      if (in > 0) held_ += static_cast<std::size_t>(in);
      const ssize_t out = held_ == 0 ? 0 : move_bytes(pipe_.read.get(), to_);
      if (out < 0 && errno != EAGAIN) return false;
      if (out > 0) held_ -= static_cast<std::size_t>(out);
      progress = in > 0 || out > 0;
    }
    if (done()) shutdown(to_, SHUT_WR);
    return true;
  }

 private:
  static ssize_t move_bytes(int from, int to) {
    ssize_t size = 0;
    do size = splice(from, nullptr, to, nullptr, splice_size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    while (size < 0 && errno == EINTR);
    return size;
  }

  int from_;
  int to_;
  linux::Pipe pipe_;
  std::size_t held_ = 0;
  bool ended_ = false;
};

// Both sockets are watched for edges, once and for all: any event moves both directions as far as they go.
class TcpConnection {
 public:
  TcpConnection(Loop& loop, Fd client, const Forward& forward)
      : loop_(loop),
        client_(std::move(client)),
        container_(connecting_socket(forward.address, forward.port)),
        other_(forward.other),
        port_(forward.port),
        to_container_(client_.get(), container_.get()),
        to_client_(container_.get(), client_.get()) {
    const int on = 1;
    setsockopt(client_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  ~TcpConnection() {
    loop_.remove(client_.get());
    loop_.remove(container_.get());
  }
  TcpConnection(const TcpConnection&) = delete;
  TcpConnection& operator=(const TcpConnection&) = delete;

  void watch(Loop::Handler on_event) {
    on_event_ = std::move(on_event);
    for (const Fd* socket : {&client_, &container_}) watch(*socket);
  }
  // False when it is over.
  bool move() {
    if (!connected_ && !finish_connecting()) return true;
    if (!to_container_.move() || !to_client_.move()) {
      reset();
      return false;
    }
    return !to_container_.done() || !to_client_.done();
  }

 private:
  static Fd connecting_socket(const std::string& ip, int port) {
    const SocketAddress address = socket_address(ip, port);
    Fd fd(socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) throw base::Error::from_errno("cannot make a socket");
    const int on = 1;
    setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    linux::exempt_from_packet_guard(fd.get(), address.v6());
    if (connect(fd.get(), address.get(), address.size) != 0 && errno != EINPROGRESS)
      throw base::Error::from_errno("cannot reach the container");
    return fd;
  }
  void watch(const Fd& socket) { loop_.add(socket.get(), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, on_event_); }
  // False while it is not known whether the container answers. A failure that nothing can be done about shows itself
  // when bytes are moved.
  bool finish_connecting() {
    pollfd writable{container_.get(), POLLOUT, 0};
    if (poll(&writable, 1, 0) <= 0) return false;
    int failure = 0;
    socklen_t size = sizeof failure;
    getsockopt(container_.get(), SOL_SOCKET, SO_ERROR, &failure, &size);
    connected_ = failure == 0 || !try_other();
    return connected_;
  }
  // The other address, on a socket under the same number. False when there is none.
  bool try_other() {
    if (other_.empty()) return false;
    try {
      const Fd next = connecting_socket(std::exchange(other_, {}), port_);
      loop_.remove(container_.get());
      if (dup3(next.get(), container_.get(), O_CLOEXEC) < 0) return false;
      watch(container_);
      return true;
    } catch (const base::Error&) {
      return false;
    }
  }
  // Nobody takes a broken connection for one that has ended well.
  void reset() {
    const linger abort{1, 0};
    setsockopt(client_.get(), SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
    setsockopt(container_.get(), SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
  }

  Loop& loop_;
  Fd client_;
  Fd container_;
  std::string other_;
  int port_;
  bool connected_ = false;
  Loop::Handler on_event_;
  Direction to_container_;
  Direction to_client_;
};

Forwarder::Forwarder(Loop& loop) : loop_(loop) {}
Forwarder::~Forwarder() { stop(); }

void Forwarder::serve(const std::vector<Forward>& forwards, std::vector<Fd> listeners) {
  if (!forwards.empty()) allow_many_descriptors();
  for (const auto& forward : forwards) {
    if (forward.listener < 0 || static_cast<std::size_t>(forward.listener) >= listeners.size())
      throw base::Error("a forwarded port without its socket");
    Fd socket = std::move(listeners[static_cast<std::size_t>(forward.listener)]);
    fcntl(socket.get(), F_SETFL, O_RDWR | O_NONBLOCK);
    if (forward.udp)
      udp_.push_back(std::make_unique<UdpForward>(loop_, std::move(socket), forward));
    else
      listen(listeners_.emplace_back(TcpListener{std::move(socket), forward}));
  }
}

void Forwarder::listen(TcpListener& listener) {
  loop_.add(listener.socket.get(), EPOLLIN, [this, &listener] { accept_from(listener); });
}

void Forwarder::accept_from(TcpListener& listener) {
  Fd client(accept4(listener.socket.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!client) {
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) pause();
    return;
  }
  try {
    auto connection = std::make_unique<TcpConnection>(loop_, std::move(client), listener.forward);
    TcpConnection* key = connection.get();
    connection->watch([this, key] {
      if (key->move()) return;
      connections_.erase(key);
      resume();
    });
    connections_[key] = {std::move(connection), &listener};
  } catch (const base::Error&) {
    // The client sees its connection closed.
  }
  if (connections_.size() >= max_connections) pause();
}

void Forwarder::pause() {
  if (paused_ || connections_.empty()) return;
  paused_ = true;
  for (const auto& listener : listeners_) loop_.remove(listener.socket.get());
}

void Forwarder::resume() {
  if (!paused_) return;
  paused_ = false;
  for (auto& listener : listeners_) listen(listener);
}

void Forwarder::withdraw(const std::vector<WithdrawnPort>& ports) {
  for (const auto& port : ports) {
    const auto is_it = [&](int socket) { return is_bound_to(socket, port); };
    if (port.udp) {
      std::erase_if(udp_, [&](const auto& forward) { return is_it(forward->socket()); });
      continue;
    }
    std::erase_if(listeners_, [&](const TcpListener& listener) {
      if (!is_it(listener.socket.get())) return false;
      loop_.remove(listener.socket.get());
      std::erase_if(connections_, [&](const auto& entry) { return entry.second.listener == &listener; });
      return true;
    });
  }
  resume();
}

void Forwarder::stop() {
  for (const auto& listener : listeners_) loop_.remove(listener.socket.get());
  connections_.clear();
  listeners_.clear();
  udp_.clear();
}

}  // namespace conductor::monitor
