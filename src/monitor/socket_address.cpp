#include "monitor/socket_address.hpp"

#include "base/error.hpp"

#include <arpa/inet.h>

#include <cstdint>
#include <cstring>

namespace conductor::monitor {

SocketAddress socket_address(const std::string& ip, int port) {
  SocketAddress result;
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  const in_port_t number = htons(static_cast<std::uint16_t>(port));
  if (inet_pton(AF_INET, ip.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = number;
    std::memcpy(&result.storage, &v4, result.size = sizeof v4);
  } else if (inet_pton(AF_INET6, ip.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = number;
    std::memcpy(&result.storage, &v6, result.size = sizeof v6);
  } else {
    throw base::Error("'" + ip + "' is no IP address");
  }
  return result;
}

}  // namespace conductor::monitor
