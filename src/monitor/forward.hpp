// Ports published on the host's loopback addresses: connections to them go on to the container.
#pragma once

#include "monitor/loop.hpp"
#include "monitor/protocol.hpp"

#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace conductor::monitor {

class TcpConnection;
class UdpForward;

// Bytes are moved with splice(2) and never enter this process; one side's end of sending is passed on as such. What
// fails ends the connection it belongs to and nothing else.
class Forwarder {
 public:
  explicit Forwarder(Loop& loop);
  ~Forwarder();
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  // `listeners[forward.listener]` is its listening (or, with udp, bound) socket.
  void serve(const std::vector<Forward>& forwards, std::vector<linux::Fd> listeners);
  // Closes those sockets and what came through them.
  void withdraw(const std::vector<WithdrawnPort>& ports);
  void stop();  // closes everything

 private:
  struct TcpListener {
    linux::Fd socket;
    Forward forward;
  };
  // A connection and the socket it came through.
  struct Served {
    std::unique_ptr<TcpConnection> connection;
    const TcpListener* listener = nullptr;
  };
  void listen(TcpListener& listener);
  void accept_from(TcpListener& listener);
  void pause();  // until a connection has ended
  void resume();

  Loop& loop_;
  std::list<TcpListener> listeners_;
  std::map<TcpConnection*, Served> connections_;
  std::vector<std::unique_ptr<UdpForward>> udp_;
  bool paused_ = false;
};

}  // namespace conductor::monitor
