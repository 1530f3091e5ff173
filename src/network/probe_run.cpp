#include "network/probe_run.hpp"

#include "base/error.hpp"
#include "linux/namespaces.hpp"

#include <arpa/inet.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <tuple>

namespace conductor::network {

namespace {

using Clock = std::chrono::steady_clock;
using Kind = ProbeTask::Kind;

constexpr auto deadline = std::chrono::seconds(1);
// What is not to arrive has had its time when everything else has been decided for so long.
constexpr auto quiet = std::chrono::milliseconds(100);

class SocketAddress {
 public:
  SocketAddress(const linux::IpAddress& address, int port) {
    if (address.v6) {
      auto& six = *static_cast<sockaddr_in6*>(static_cast<void*>(&storage_));
      six.sin6_family = AF_INET6;
      six.sin6_port = htons(static_cast<std::uint16_t>(port));
      std::memcpy(&six.sin6_addr, address.bytes.data(), sizeof six.sin6_addr);
      size_ = sizeof six;
    } else {
      auto& four = *static_cast<sockaddr_in*>(static_cast<void*>(&storage_));
      four.sin_family = AF_INET;
      four.sin_port = htons(static_cast<std::uint16_t>(port));
      four.sin_addr.s_addr = htonl(address.ipv4());
      size_ = sizeof four;
    }
  }
  int family() const { return storage_.ss_family; }
  const sockaddr* get() const { return static_cast<const sockaddr*>(static_cast<const void*>(&storage_)); }
  socklen_t size() const { return size_; }

 private:
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

// What our datagrams and echo requests carry, so that nobody else's are taken for them.
struct Token {
  std::uint64_t run = 0;
  std::uint32_t task = 0;
  std::uint32_t reserved = 0;
};

linux::Fd make_socket(int family, int type, int protocol = 0) {
  return linux::Fd(::socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
}

void set_option(const linux::Fd& socket, int level, int option, int value) {
  ::setsockopt(socket.get(), level, option, &value, sizeof value);
}

// RFC 1071. ICMPv6 has its checksum from the kernel.
std::uint16_t internet_checksum(const void* data, std::size_t size) {
  const auto* bytes = static_cast<const unsigned char*>(data);
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < size; i += 2) sum += static_cast<std::uint32_t>(bytes[i] << 8U) + bytes[i + 1];
  while (sum > 0xffffU) sum = (sum & 0xffffU) + (sum >> 16U);
  return htons(static_cast<std::uint16_t>(~sum & 0xffffU));
}

// A reply to an echo request is let through, nothing else.
void filter_replies(const linux::Fd& socket, bool v6) {
  if (v6) {
    icmp6_filter filter{};
    ICMP6_FILTER_SETBLOCKALL(&filter);
    ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
    ::setsockopt(socket.get(), IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter);
  } else {
    icmp_filter filter{};
    filter.data = ~(1U << static_cast<unsigned>(ICMP_ECHOREPLY));
    ::setsockopt(socket.get(), SOL_RAW, ICMP_FILTER, &filter, sizeof filter);
  }
}

class Run {
 public:
  Run(const std::vector<ProbeTask>& tasks, const std::map<std::string, linux::Fd>& spaces)
      : tasks_(tasks), spaces_(spaces), outcomes_(tasks.size(), ProbeOutcome::silent), decided_(tasks.size(), false) {
    if (::getrandom(&run_, sizeof run_, 0) != static_cast<ssize_t>(sizeof run_))
      throw base::Error::from_errno("getrandom");
  }

  std::vector<ProbeOutcome> run() {
    // Everybody listens before anybody asks.
    each_space(&ProbeTask::to, [&](std::size_t task) { listen(task); });
    each_space(&ProbeTask::from, [&](std::size_t task) { ask(task); });
    wait();
    return std::move(outcomes_);
  }

 private:
  enum class Role { tcp_client, udp_client, udp_server, echo };
  struct Watched {
    linux::Fd socket;
    Role role;
    std::size_t task = 0;  // of clients
    bool v6 = false;
  };

  // Calls `act` for each task inside the namespace of that end of it; a namespace is entered once.
  template <class Act>
  void each_space(const Endpoint* ProbeTask::* end, Act&& act) {
    std::map<std::string, std::vector<std::size_t>> by_id;
    for (std::size_t i = 0; i < tasks_.size(); ++i) by_id[(tasks_[i].*end)->id].push_back(i);
    for (const auto& [id, places] : by_id) {
      const auto space = spaces_.find(id);
      if (space == spaces_.end()) {
        for (const std::size_t place : places) decide(place, ProbeOutcome::untested);
        continue;
      }
      linux::in_network_namespace(space->second, [&] {
        for (const std::size_t place : places)
          if (!decided_[place]) act(place);
      });
    }
  }

  void decide(std::size_t task, ProbeOutcome outcome) {
    if (decided_[task]) return;
    decided_[task] = true;
    outcomes_[task] = outcome;
  }

  // --- the side that is asked

  void listen(std::size_t place) {
    const ProbeTask& task = tasks_[place];
    if (task.kind == Kind::icmp) return;  // the kernel answers
    const auto [known, added] = bound_.try_emplace({task.to->id, task.address, task.kind, task.port}, true);
    if (added) known->second = bind(task);
    if (!known->second && task.kind == Kind::udp) decide(place, ProbeOutcome::untested);
  }

  // False: the port is somebody's.
  bool bind(const ProbeTask& task) {
    const SocketAddress address(task.address, task.port);
    linux::Fd socket = make_socket(address.family(), task.kind == Kind::tcp ? SOCK_STREAM : SOCK_DGRAM);
    if (!socket) return true;  // no such family: then nobody reaches it either
    if (task.address.v6) set_option(socket, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (::bind(socket.get(), address.get(), address.size()) != 0) return errno != EADDRINUSE;
    if (task.kind == Kind::udp) {
      watched_.push_back({std::move(socket), Role::udp_server, 0, task.address.v6});
      return true;
    }
    if (::listen(socket.get(), SOMAXCONN) != 0) return errno != EADDRINUSE;
    listeners_.push_back(std::move(socket));  // the kernel completes connections; nobody accepts them
    return true;
  }

  // --- the side that asks

  void ask(std::size_t place) {
    switch (tasks_[place].kind) {
      case Kind::tcp:
        return connect(place);
      case Kind::udp:
        return send_datagram(place);
      case Kind::icmp:
        return send_echo(place);
    }
  }

  void connect(std::size_t place) {
    const ProbeTask& task = tasks_[place];
    const SocketAddress address(task.address, task.port);
    linux::Fd socket = make_socket(address.family(), SOCK_STREAM);
    if (!socket) return decide(place, ProbeOutcome::refused);
    if (::connect(socket.get(), address.get(), address.size()) == 0) return decide(place, ProbeOutcome::opened);
    if (errno != EINPROGRESS) return decide(place, ProbeOutcome::refused);
    watched_.push_back({std::move(socket), Role::tcp_client, place, task.address.v6});
  }

  void send_datagram(std::size_t place) {
    const ProbeTask& task = tasks_[place];
    const SocketAddress address(task.address, task.port);
    linux::Fd socket = make_socket(address.family(), SOCK_DGRAM);
    const Token token{run_, static_cast<std::uint32_t>(place), 0};
    if (!socket || ::connect(socket.get(), address.get(), address.size()) != 0 ||
        ::send(socket.get(), &token, sizeof token, MSG_NOSIGNAL) < 0)
      return decide(place, ProbeOutcome::refused);
    watched_.push_back({std::move(socket), Role::udp_client, place, task.address.v6});
  }

  // One raw socket for each family of a namespace; answers are told apart by their sequence number.
  int echo_socket(const ProbeTask& task) {
    const auto [found, added] = echoes_.try_emplace({task.from->id, task.address.v6}, -1);
    if (added) {
      const bool v6 = task.address.v6;
      linux::Fd socket =
          make_socket(v6 ? AF_INET6 : AF_INET, SOCK_RAW, v6 ? static_cast<int>(IPPROTO_ICMPV6) : IPPROTO_ICMP);
      if (socket) {
        filter_replies(socket, v6);
        found->second = socket.get();
        watched_.push_back({std::move(socket), Role::echo, 0, v6});
      }
    }
    return found->second;
  }

  void send_echo(std::size_t place) {
    const ProbeTask& task = tasks_[place];
    const int socket = echo_socket(task);
    struct {
      icmphdr header;
      Token token;
    } request{};
    static_assert(sizeof(icmp6_hdr) == sizeof(icmphdr), "the echo headers of both families have the same fields");
    request.header.type = static_cast<std::uint8_t>(task.address.v6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO);
    request.header.un.echo.id = static_cast<std::uint16_t>(run_);
    request.header.un.echo.sequence = static_cast<std::uint16_t>(place);
    request.token = {run_, static_cast<std::uint32_t>(place), 0};
    if (!task.address.v6) request.header.checksum = internet_checksum(&request, sizeof request);
    const SocketAddress address(task.address, 0);
    if (socket < 0 || ::sendto(socket, &request, sizeof request, MSG_NOSIGNAL, address.get(), address.size()) < 0)
      decide(place, ProbeOutcome::refused);
  }

  // --- waiting for what comes back

  // Whether something is still to come for sure: an answer to what is declared, a refusal of an undeclared connection.
  bool waits() const {
    for (std::size_t i = 0; i < tasks_.size(); ++i)
      if (!decided_[i] && (tasks_[i].declared || tasks_[i].kind == Kind::tcp)) return true;
    return false;
  }

  void wait() {
    const auto end = Clock::now() + deadline;
    auto last_event = Clock::now();
    std::vector<pollfd> polled;
    for (;;) {
      const auto until = waits() ? end : std::min(end, last_event + quiet);
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
      if (left.count() <= 0) return;
      polled.clear();
      for (const auto& watched : watched_)
        polled.push_back(
            {watched.socket.get(), static_cast<short>(watched.role == Role::tcp_client ? POLLOUT : POLLIN), 0});
      const int ready = ::poll(polled.data(), polled.size(), static_cast<int>(left.count()));
      if (ready < 0 && errno != EINTR) throw base::Error::from_errno("poll");
      if (ready <= 0) continue;
      last_event = Clock::now();
      for (std::size_t i = polled.size(); i-- > 0;)
        if (polled[i].revents != 0) serve(i);
    }
  }

  void serve(std::size_t place) {
    Watched& watched = watched_[place];
    bool done = false;
    if (watched.role == Role::tcp_client || watched.role == Role::udp_client) {
      int code = 0;
      socklen_t size = sizeof code;
      ::getsockopt(watched.socket.get(), SOL_SOCKET, SO_ERROR, &code, &size);
      done = watched.role == Role::tcp_client || code != 0;
      if (done) decide(watched.task, code == 0 ? ProbeOutcome::opened : ProbeOutcome::refused);
      if (!done) drain(watched.socket);  // somebody answers a datagram
    } else {
      read_all(watched);
    }
    // A connection is closed at once.
    if (done) {
      std::swap(watched_[place], watched_.back());
      watched_.pop_back();
    }
  }

  static void drain(const linux::Fd& socket) {
    std::array<char, 64> buffer{};
    while (::recv(socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT) > 0) {
    }
  }

  void read_all(const Watched& watched) {
    std::array<char, 256> buffer{};
    for (;;) {
      const ssize_t size = ::recv(watched.socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (size < 0) return;
      std::size_t skipped = 0;
      if (watched.role == Role::echo) skipped = sizeof(icmphdr);
      if (watched.role == Role::echo && !watched.v6)
        skipped += static_cast<std::size_t>(static_cast<unsigned char>(buffer.front()) & 15U) * 4;  // the IPv4 header
      Token token;
      if (static_cast<std::size_t>(size) < skipped + sizeof token) continue;
      std::memcpy(&token, buffer.data() + skipped, sizeof token);
      if (token.run == run_ && token.task < tasks_.size()) decide(token.task, ProbeOutcome::opened);
    }
  }

  const std::vector<ProbeTask>& tasks_;
  const std::map<std::string, linux::Fd>& spaces_;
  std::vector<ProbeOutcome> outcomes_;
  std::vector<bool> decided_;
  std::uint64_t run_ = 0;
  std::map<std::tuple<std::string, linux::IpAddress, Kind, int>, bool> bound_;
  std::map<std::pair<std::string, bool>, int> echoes_;  // watched_ owns them
  std::vector<linux::Fd> listeners_;
  std::vector<Watched> watched_;
};

}  // namespace

std::vector<ProbeOutcome> run_probes(const std::vector<ProbeTask>& tasks,
                                     const std::map<std::string, linux::Fd>& spaces) {
  return Run(tasks, spaces).run();
}

std::size_t tasks_per_run() {
  constexpr std::size_t kept_free = 128, each = 4, most = 4000;  // a task has a socket at each end, and two namespaces
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const std::size_t open = std::min<std::size_t>(limit.rlim_cur, kept_free + each * most);
  return open > kept_free + each ? (open - kept_free) / each : 1;
}

}  // namespace conductor::network
