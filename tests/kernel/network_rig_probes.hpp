// Probes: many attempts to reach something at the same time, each with what became of it, from one loop.
#pragma once

#include "linux/fd.hpp"
#include "network_rig.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace test {

// An address of either family for socket calls.
class SocketAddress {
 public:
  SocketAddress(const std::string& address, int port);
  int family() const { return storage_.ss_family; }
  const sockaddr* generic() const { return static_cast<const sockaddr*>(static_cast<const void*>(&storage_)); }
  socklen_t size() const { return family() == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in); }

 private:
  sockaddr_storage storage_{};
};

struct Probe {
  enum class Kind { tcp, udp, icmp };
  const Fd* from = nullptr;  // network namespace
  std::string to;
  int port = 0;  // TCP and UDP
  Kind kind = Kind::tcp;
  bool wanted = false;  // the loop waits for an answer to it

  Outcome outcome = Outcome::silent;  // connected: answered
  bool arrived = false;               // a datagram that was received, whatever became of the answer
};

// Sockets of TCP and UDP, on all addresses of both families: they take connections and answer datagrams.
class Responders {
 public:
  void add(const Fd& space, int port);

 private:
  friend class ProbeRun;
  struct Socket {
    Fd fd;
    bool stream = false;
  };
  std::vector<Socket> sockets_;
};

// Until each wanted one is answered or refused (some seconds at most) and the others have had `quiet_ms`.
void run_probes(std::vector<Probe>& probes, Responders& responders, int quiet_ms);

}  // namespace test
