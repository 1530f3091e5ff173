#include "linux/netlink_socket.hpp"

#include "base/error.hpp"
#include "linux/netlink_messages.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

namespace conductor::linux {

namespace {

constexpr std::size_t receive_size = 64U * 1024U;  // what the kernel puts into one datagram of a dump at most
constexpr std::size_t requests_per_message = 64;   // so that their answers fit the socket's buffer
constexpr time_t answer_limit_s = 10;

std::string receive(const Fd& socket) {
  std::string buffer(receive_size, '\0');
  ssize_t n = 0;
  do n = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
  while (n < 0 && errno == EINTR);
  if (n < 0) throw base::Error::from_errno("no answer from the kernel over netlink");
  buffer.resize(static_cast<std::size_t>(n));
  return buffer;
}

// Calls `each` for every message of a datagram.
template <class Each>
void each_message(const std::string& datagram, Each&& each) {
  int left = static_cast<int>(datagram.size());
  const auto* message = static_cast<const nlmsghdr*>(static_cast<const void*>(datagram.data()));
  for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) each(message);
}

void send_all(const Fd& socket, const std::string& bytes) {
  if (::send(socket.get(), bytes.data(), bytes.size(), 0) < 0) throw base::Error::from_errno("sending over netlink");
}

}  // namespace

// It is sent through a pair of sockets that only refer to themselves in flight, which the kernel collects in a worker
// of its own (unix(7); before Linux 6.9 the closing thread does it, and waits).
void close_in_background(Fd descriptor) {
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair.data()) != 0) return;
  const Fd first(pair[0]), second(pair[1]);
  const std::array<int, 2> sent{descriptor.get(), second.get()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof sent)> control{};
  char byte = 0;
  iovec content{&byte, 1};
  msghdr message{};
  message.msg_iov = &content;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof sent);
  std::memcpy(CMSG_DATA(header), sent.data(), sizeof sent);
  ::sendmsg(first.get(), &message, MSG_NOSIGNAL);
}

NetlinkSocket::NetlinkSocket(int family)
    : waits_(family == NETLINK_NETFILTER), socket_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, family)) {
  if (!socket_) throw base::Error::from_errno("socket(AF_NETLINK)");
  const int on = 1;
  const timeval limit{answer_limit_s, 0};
  // Only comfort: without them answers carry the whole request and no words.
  ::setsockopt(socket_.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  ::setsockopt(socket_.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  ::setsockopt(socket_.get(), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

NetlinkSocket::~NetlinkSocket() {
  if (waits_ && socket_) close_in_background(std::move(socket_));
}

void NetlinkSocket::add(nlmsghdr* request, std::string sentence, std::vector<int> accepted) {
  request->nlmsg_flags = static_cast<std::uint16_t>(request->nlmsg_flags | NLM_F_ACK);
  std::string bytes(static_cast<const char*>(static_cast<const void*>(request)), request->nlmsg_len);
  bytes.resize(MNL_ALIGN(bytes.size()), '\0');
  pending_.push_back({std::move(bytes), std::move(sentence), std::move(accepted)});
}

void NetlinkSocket::send() {
  std::vector<Request> all = std::move(pending_);
  pending_.clear();
  for (std::size_t first = 0; first < all.size(); first += requests_per_message) {
    std::vector<Request> part;
    for (std::size_t i = first; i < std::min(all.size(), first + requests_per_message); ++i)
      part.push_back(std::move(all[i]));
    send_part(part);
  }
}

// The kernel works through all requests of a message, whatever becomes of single ones, and answers each.
void NetlinkSocket::send_part(std::vector<Request>& part) {
  const std::uint32_t first = sequence_ + 1;
  std::string bytes;
  for (auto& request : part) {
    nlmsghdr header{};
    std::memcpy(&header, request.bytes.data(), sizeof header);
    header.nlmsg_seq = ++sequence_;
    std::memcpy(request.bytes.data(), &header, sizeof header);
    bytes += request.bytes;
  }
  send_all(socket_, bytes);

  std::optional<base::Error> refusal;
  for (std::size_t answered = 0; answered < part.size();) {
    each_message(receive(socket_), [&](const nlmsghdr* answer) {
      const std::size_t position = answer->nlmsg_seq - first;
      if (answer->nlmsg_type != NLMSG_ERROR || position >= part.size()) return;  // of an earlier, abandoned request
      ++answered;
      const auto* error = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(answer));
      const auto& accepted = part[position].accepted;
      const bool fine =
          error->error == 0 || std::find(accepted.begin(), accepted.end(), -error->error) != accepted.end();
      if (!fine && !refusal) refusal.emplace(part[position].sentence + kernel_words(answer, error), -error->error);
    });
  }
  if (refusal) throw base::Error(*refusal);
}

void NetlinkSocket::ask(nlmsghdr* request, const std::function<void(const nlmsghdr*)>& each) {
  const std::uint32_t sequence = request->nlmsg_seq = ++sequence_;
  send_all(socket_, std::string(static_cast<const char*>(static_cast<const void*>(request)), request->nlmsg_len));
  for (bool done = false; !done;) {
    each_message(receive(socket_), [&](const nlmsghdr* message) {
      if (message->nlmsg_seq != sequence) return;
      if (message->nlmsg_type == NLMSG_ERROR)
        throw base::Error("reading the kernel's state over netlink",
                          -static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message))->error);
      if (message->nlmsg_type == NLMSG_DONE)
        done = true;
      else
        each(message);
      if ((message->nlmsg_flags & NLM_F_MULTI) == 0) done = true;
    });
  }
}

bool NetlinkSocket::receive_each(const std::function<void(const nlmsghdr*)>& each) {
  try {
    each_message(receive(socket_), each);
    return true;
  } catch (const base::Error& e) {
    if (e.code() != ENOBUFS) throw;
    return false;
  }
}

void NetlinkSocket::join(int group) {
  // Bound first: a socket without a port of its own is passed over.
  sockaddr_nl own{};
  own.nl_family = AF_NETLINK;
  if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0 ||
      ::setsockopt(socket_.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0)
    throw base::Error::from_errno("listening to the kernel over netlink");
}

}  // namespace conductor::linux
