// Socket addresses of both families from text (ip(7), ipv6(7)).
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <string>

namespace conductor::monitor {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  int family() const { return storage.ss_family; }
  bool v6() const { return storage.ss_family == AF_INET6; }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// Throws Error when `ip` is no address; an IPv6 address has no brackets.
SocketAddress socket_address(const std::string& ip, int port);

}  // namespace conductor::monitor
