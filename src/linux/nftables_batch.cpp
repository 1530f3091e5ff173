#include "linux/nftables_batch.hpp"

#include "base/error.hpp"
#include "linux/netlink_socket.hpp"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

namespace conductor::linux {

namespace {

constexpr std::size_t message_size = 64U * 1024U;

struct Shared {
  Fd socket;
  ino_t space = 0;  // its network namespace
  bool removed = false;
  void reset() {
    if (socket && removed) close_in_background(std::move(socket));
    socket.reset();
    removed = false;
  }
  ~Shared() { reset(); }
};
Shared& shared() {
  static Shared connection;
  return connection;
}
std::mutex& exchange_mutex() {
  static std::mutex one_exchange;
  return one_exchange;
}

// A batch is worked through within send(2): when it returns, all answers are there.
int first_refusal(const Fd& socket) {
  std::string answers(message_size, '\0');
  int first = 0;
  for (;;) {  // to the last one: the socket is used again
    const ssize_t n = ::recv(socket.get(), answers.data(), answers.size(), MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return first;
    if (n < 0) throw base::Error::from_errno("reading the answer of nftables");
    int left = static_cast<int>(n);
    const auto* answer = static_cast<const nlmsghdr*>(static_cast<const void*>(answers.data()));
    for (; mnl_nlmsg_ok(answer, left); answer = mnl_nlmsg_next(answer, &left))
      if (answer->nlmsg_type == NLMSG_ERROR && first == 0)
        first = -static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(answer))->error;
  }
}

bool is_removal(std::uint16_t type) {
  const int message = NFNL_MSG_TYPE(type);
  return message == NFT_MSG_DELTABLE || message == NFT_MSG_DELSETELEM || message == NFT_MSG_DELRULE;
}

}  // namespace

std::uint16_t nft_family_number(const std::string& family) {
  if (family == "inet") return NFPROTO_INET;
  if (family == "ip") return NFPROTO_IPV4;
  if (family == "ip6") return NFPROTO_IPV6;
  if (family == "netdev") return NFPROTO_NETDEV;
  throw base::Error("'" + family + "' is no nftables family");
}

NftConnection::NftConnection() : guard_(exchange_mutex()) {
  struct stat space{};
  if (::stat("/proc/thread-self/ns/net", &space) != 0) throw base::Error::from_errno("/proc/thread-self/ns/net");
  if (shared().socket && shared().space == space.st_ino) return;
  shared().reset();
  shared().socket = Fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
  if (!shared().socket) throw base::Error::from_errno("socket(AF_NETLINK, NETLINK_NETFILTER)");
  shared().space = space.st_ino;
}

const Fd& NftConnection::socket() const { return shared().socket; }
void NftConnection::note_removal() { shared().removed = true; }

NftBatch::NftBatch() : buffer_(message_size) { append(nftnl_batch_begin(buffer_.data(), sequence_++)); }

void NftBatch::append(const nlmsghdr* message) {
  removes_ = removes_ || is_removal(message->nlmsg_type);
  bytes_.append(static_cast<const char*>(static_cast<const void*>(message)), message->nlmsg_len);
  bytes_.resize(MNL_ALIGN(bytes_.size()), '\0');
}

int NftBatch::commit() {
  append(nftnl_batch_end(buffer_.data(), sequence_++));
  NftConnection connection;
  const Fd& socket = connection.socket();
  if (removes_) connection.note_removal();
  const int room = static_cast<int>(std::max<std::size_t>(bytes_.size() * 2, 256U * 1024U));
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
  if (::send(socket.get(), bytes_.data(), bytes_.size(), 0) < 0) throw base::Error::from_errno("sending to nftables");
  return first_refusal(socket);
}

}  // namespace conductor::linux
