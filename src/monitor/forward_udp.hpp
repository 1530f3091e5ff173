// One UDP port published on a loopback address.
#pragma once

#include "monitor/loop.hpp"
#include "monitor/protocol.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace conductor::monitor {

// Each client has a socket of its own towards the container, so that answers find their way back: at most 1,024, each
// until it was silent for a minute; when there are more, the one silent for longest goes. What is refused at one
// address of the container goes to the other from then on, until that one refuses.
class UdpForward {
 public:
  UdpForward(Loop& loop, linux::Fd socket, const Forward& forward);
  ~UdpForward();
  UdpForward(const UdpForward&) = delete;
  UdpForward& operator=(const UdpForward&) = delete;
  int socket() const { return socket_.get(); }

 private:
  struct Client {
    linux::Fd socket;
    std::int64_t last_used = 0;  // seconds, CLOCK_MONOTONIC
  };
  void receive();
  Client* client_of(const std::string& address);
  void answer(const std::string& address);
  void expire();
  void drop(const std::string& address);
  void change_target();

  Loop& loop_;
  linux::Fd socket_;
  linux::Fd timer_;
  Forward forward_;
  bool use_other_ = false;
  std::map<std::string, Client> clients_;  // by the bytes of their sockaddr
};

}  // namespace conductor::monitor
