#include "network_rig_probes.hpp"

#include "linux/namespaces.hpp"

#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <stdexcept>

namespace test {

namespace linux = conductor::linux;
using Clock = std::chrono::steady_clock;

namespace {

constexpr auto patience = std::chrono::seconds(5);  // for what is wanted: a lost first packet takes one
constexpr std::size_t at_once = 4000;               // probes whose sockets are open together

Outcome outcome_of(int code) {
  if (code == 0) return Outcome::connected;
  return code == ECONNREFUSED ? Outcome::refused : Outcome::unreachable;
}

// Raises the limit of open files as far as may be; how many sockets there may then be.
std::size_t allow_many_descriptors() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  return std::min<std::size_t>(limit.rlim_cur / 2, at_once);
}

std::uint16_t checksum(const icmphdr& header) {
  std::array<std::uint16_t, sizeof(icmphdr) / 2> words{};
  std::memcpy(words.data(), &header, sizeof header);
  std::uint32_t sum = 0;
  for (const auto word : words) sum += word;
  return static_cast<std::uint16_t>(~((sum & 0xffffU) + (sum >> 16U)));
}

// Of ICMP and ICMPv6 alike, but for the number of the type and who computes the checksum.
icmphdr echo_request(bool v6, std::uint16_t id, std::uint16_t sequence) {
  icmphdr echo{};
  echo.type = v6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO;
  echo.un.echo.id = htons(id);
  echo.un.echo.sequence = htons(sequence);
  if (!v6) echo.checksum = checksum(echo);
  return echo;
}

int error_of(int socket) {
  int code = 0;
  socklen_t size = sizeof code;
  ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &code, &size);
  return code;
}

}  // namespace

SocketAddress::SocketAddress(const std::string& address, int port) {
  const auto number = htons(static_cast<std::uint16_t>(port));
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (inet_pton(AF_INET, address.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = number;
    std::memcpy(&storage_, &v4, sizeof v4);
  } else if (inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = number;
    std::memcpy(&storage_, &v6, sizeof v6);
  } else {
    throw std::runtime_error("bad address " + address);
  }
}

void Responders::add(const Fd& space, int port) {
  linux::in_network_namespace(space, [&] {
    for (const int type : {SOCK_STREAM, SOCK_DGRAM}) {
      Fd fd(::socket(AF_INET6, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      const int off = 0, on = 1;
      ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
      ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
      const SocketAddress address("::", port);
      if (::bind(fd.get(), address.generic(), address.size()) != 0 ||
          (type == SOCK_STREAM && ::listen(fd.get(), 1024) != 0))
        throw std::runtime_error("cannot serve port " + std::to_string(port));
      sockets_.push_back({std::move(fd), type == SOCK_STREAM});
    }
  });
}

// One loop over some of the probes. Datagrams carry a number that no other run has.
class ProbeRun {
 public:
  ProbeRun(Probe* first, std::size_t count, Responders& responders)
      : first_(first), count_(count), responders_(responders), poll_(::epoll_create1(EPOLL_CLOEXEC)) {
    clients_.resize(count);
    numbers_ = next_number;
    next_number += count;
    echo_id_ = ++next_echo_id;
    for (std::size_t i = 0; i < responders_.sockets_.size(); ++i) watch(responders_.sockets_[i].fd, responder, i);
  }

  void run(int quiet_ms) {
    send_all();
    const auto quiet = Clock::now() + std::chrono::milliseconds(quiet_ms), deadline = Clock::now() + patience;
    for (;;) {
      const auto until = wanted_left() ? deadline : quiet;
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
      if (left <= 0 || (wanted_left() == 0 && open_ == 0)) break;
      handle(static_cast<int>(left));
    }
    for (const auto& socket : responders_.sockets_) ::epoll_ctl(poll_.get(), EPOLL_CTL_DEL, socket.fd.get(), nullptr);
  }

 private:
  enum Kind : std::uint64_t { responder, client, echo };
  struct EchoSocket {
    Fd fd;
    bool v6 = false;
  };

  void watch(const Fd& fd, Kind kind, std::size_t index, std::uint32_t events = EPOLLIN) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = (std::uint64_t{kind} << 32U) | index;
    ::epoll_ctl(poll_.get(), EPOLL_CTL_ADD, fd.get(), &event);
  }

  // Grouped by namespace; what has come meanwhile is handled between two groups, so that no queue runs over.
  void send_all() {
    std::map<int, std::vector<std::size_t>> by_space;
    for (std::size_t i = 0; i < count_; ++i) by_space[first_[i].from->get()].push_back(i);
    for (const auto& [space, indices] : by_space) {
      linux::in_network_namespace(*first_[indices.front()].from, [&, group = &indices] {
        for (const auto i : *group) {
          ++open_;
          if (first_[i].wanted) ++wanted_open_;
          first_[i].kind == Probe::Kind::icmp ? send_echo(i) : open_client(i);
        }
      });
      handle(0);
    }
  }

  void open_client(std::size_t i) {
    Probe& probe = first_[i];
    const bool stream = probe.kind == Probe::Kind::tcp;
    const SocketAddress target(probe.to, probe.port);
    Fd fd(::socket(target.family(), (stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) throw std::runtime_error("no socket for a probe");
    const linger reset{1, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    if (::connect(fd.get(), target.generic(), target.size()) != 0 && errno != EINPROGRESS)
      return settle(i, outcome_of(errno));
    const std::uint64_t number = numbers_ + i;
    if (!stream && ::send(fd.get(), &number, sizeof number, 0) < 0) return settle(i, outcome_of(errno));
    clients_[i] = std::move(fd);
    watch(clients_[i], client, i, stream ? EPOLLOUT : EPOLLIN);
  }

  void send_echo(std::size_t i) {
    const SocketAddress target(first_[i].to, 0);
    const bool v6 = target.family() == AF_INET6;
    const auto key = std::pair(first_[i].from->get(), v6);
    if (!echo_of_.contains(key)) {
      echo_of_[key] = echoes_.size();
      echoes_.push_back({Fd(::socket(target.family(), SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
                                     v6 ? static_cast<int>(IPPROTO_ICMPV6) : static_cast<int>(IPPROTO_ICMP))),
                         v6});
      watch(echoes_.back().fd, echo, echoes_.size() - 1);
    }
    const auto request = echo_request(v6, echo_id_, static_cast<std::uint16_t>(i));
    const auto& socket = echoes_[echo_of_[key]].fd;
    if (::sendto(socket.get(), &request, sizeof request, 0, target.generic(), target.size()) < 0)
      settle(i, outcome_of(errno));
  }

  void handle(int milliseconds) {
    std::array<epoll_event, 128> events{};
    const int n = ::epoll_wait(poll_.get(), events.data(), static_cast<int>(events.size()), milliseconds);
    for (int k = 0; k < n; ++k) {
      const auto data = events[static_cast<std::size_t>(k)].data.u64;
      const auto index = static_cast<std::size_t>(data & 0xffffffffU);
      switch (static_cast<Kind>(data >> 32U)) {
        case responder:
          answer(responders_.sockets_[index]);
          break;
        case client:
          look_at_client(index);
          break;
        case echo:
          take_echoes(echoes_[index]);
          break;
      }
    }
  }

  void answer(const Responders::Socket& socket) {
    if (socket.stream) {
      while (Fd(::accept4(socket.fd.get(), nullptr, nullptr, SOCK_CLOEXEC))) {
      }
      return;
    }
    // From the address it was sent to, whatever the route back would choose (IPV6_PKTINFO of ipv6(7)).
    for (;;) {
      std::uint64_t number = 0;
      sockaddr_storage from{};
      std::array<char, 256> control{};
      iovec part{&number, sizeof number};
      msghdr message{};
      message.msg_name = &from;
      message.msg_namelen = sizeof from;
      message.msg_iov = &part;
      message.msg_iovlen = 1;
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      if (::recvmsg(socket.fd.get(), &message, 0) < 0) return;
      if (number >= numbers_ && number < numbers_ + count_) first_[number - numbers_].arrived = true;
      for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level != IPPROTO_IPV6 || c->cmsg_type != IPV6_PKTINFO) continue;
        in6_pktinfo info{};
        std::memcpy(&info, CMSG_DATA(c), sizeof info);
        info.ipi6_ifindex = 0;
        std::memcpy(CMSG_DATA(c), &info, sizeof info);
      }
      ::sendmsg(socket.fd.get(), &message, 0);
    }
  }

  void look_at_client(std::size_t i) {
    if (!clients_[i]) return;
    if (first_[i].kind == Probe::Kind::tcp) return settle(i, outcome_of(error_of(clients_[i].get())));
    std::uint64_t number = 0;
    const auto n = ::recv(clients_[i].get(), &number, sizeof number, 0);
    settle(i, outcome_of(n < 0 ? errno : 0));
  }

  // A raw socket sees every message: answers to others, refusals, our own requests on loopback.
  void take_echoes(const EchoSocket& socket) {
    std::array<unsigned char, 512> packet{};
    ssize_t n = 0;
    while ((n = ::recv(socket.fd.get(), packet.data(), packet.size(), 0)) > 0) {
      const std::size_t skip = socket.v6 ? 0 : (packet[0] & 0xfU) * 4U;
      icmphdr header{};
      if (static_cast<std::size_t>(n) < skip + sizeof header) continue;
      std::memcpy(&header, packet.data() + skip, sizeof header);
      if (header.type != (socket.v6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY) || header.un.echo.id != htons(echo_id_))
        continue;
      const std::size_t i = ntohs(header.un.echo.sequence);
      if (i < count_ && first_[i].outcome == Outcome::silent) settle(i, Outcome::connected);
    }
  }

  void settle(std::size_t i, Outcome outcome) {
    first_[i].outcome = outcome;
    clients_[i] = Fd();
    --open_;
    if (first_[i].wanted) --wanted_open_;
  }
  std::size_t wanted_left() const { return wanted_open_; }

  static inline std::uint64_t next_number = 1;
  static inline std::uint16_t next_echo_id = 0;
  Probe* first_;
  std::size_t count_;
  Responders& responders_;
  Fd poll_;
  std::vector<Fd> clients_;
  std::vector<EchoSocket> echoes_;
  std::map<std::pair<int, bool>, std::size_t> echo_of_;
  std::uint64_t numbers_ = 0;
  std::uint16_t echo_id_ = 0;
  std::size_t open_ = 0, wanted_open_ = 0;
};

void run_probes(std::vector<Probe>& probes, Responders& responders, int quiet_ms) {
  const std::size_t part = allow_many_descriptors();
  for (std::size_t first = 0; first < probes.size(); first += part)
    ProbeRun(&probes[first], std::min(part, probes.size() - first), responders).run(quiet_ms);
}

}  // namespace test
