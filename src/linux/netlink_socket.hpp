// One socket of a netlink(7) family that is spoken to in requests and answers.
#pragma once

#include "linux/fd.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

struct nlmsghdr;

namespace conductor::linux {

// Closes a descriptor without waiting for what that entails.
void close_in_background(Fd descriptor);

// In the network namespace it is opened in.
class NetlinkSocket {
 public:
  explicit NetlinkSocket(int family);  // NETLINK_*
  ~NetlinkSocket();
  NetlinkSocket(NetlinkSocket&&) = default;

  // Collects a request; `send` throws its refusal with that sentence, unless the errno is one of `accepted`.
  void add(nlmsghdr* request, std::string sentence, std::vector<int> accepted = {});
  // Sends what was collected, many requests in one message. All are tried; the first refusal is thrown.
  void send();
  // One request that is answered by messages of its own: a dump, or the state of one object.
  void ask(nlmsghdr* request, const std::function<void(const nlmsghdr*)>& each);
  // The next datagram that comes unasked; false when the kernel had to drop some before it could be read.
  bool receive_each(const std::function<void(const nlmsghdr*)>& each);
  // NETLINK_ADD_MEMBERSHIP: what happens is told from here on.
  void join(int group);
  const Fd& fd() const { return socket_; }

 private:
  struct Request {
    std::string bytes;
    std::string sentence;
    std::vector<int> accepted;
  };
  void send_part(std::vector<Request>& part);

  bool waits_;  // closing it may wait for the end of a transaction of nf_tables
  Fd socket_;
  std::vector<Request> pending_;
  std::uint32_t sequence_ = 0;
};

}  // namespace conductor::linux
