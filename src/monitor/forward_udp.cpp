#include "monitor/forward_udp.hpp"

#include "linux/events.hpp"
#include "linux/packet_guard.hpp"
#include "monitor/socket_address.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <vector>

namespace conductor::monitor {
namespace {

constexpr std::size_t max_clients = 1024;
constexpr int patience = 60;  // seconds
constexpr int at_once = 64;   // datagrams, before others get their turn

std::int64_t now_seconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec;
}

std::string& datagram() {
  static std::string buffer(65536, '\0');
  return buffer;
}

}  // namespace

UdpForward::UdpForward(Loop& loop, linux::Fd socket, const Forward& forward)
    : loop_(loop), socket_(std::move(socket)), timer_(linux::make_timer()), forward_(forward) {
  loop_.add(socket_.get(), EPOLLIN, [this] { receive(); });
  loop_.add(timer_.get(), EPOLLIN, [this] { expire(); });
}

UdpForward::~UdpForward() {
  for (const auto& [address, client] : clients_) loop_.remove(client.socket.get());
  loop_.remove(socket_.get());
  loop_.remove(timer_.get());
}

void UdpForward::receive() {
  std::string& buffer = datagram();
  for (int i = 0; i < at_once; ++i) {
    sockaddr_storage from{};
    socklen_t length = sizeof from;
    const ssize_t size = recvfrom(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT,
                                  reinterpret_cast<sockaddr*>(&from), &length);
    if (size < 0) return;
    if (Client* client = client_of({reinterpret_cast<const char*>(&from), length}))
      send(client->socket.get(), buffer.data(), static_cast<std::size_t>(size), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
}

UdpForward::Client* UdpForward::client_of(const std::string& address) {
  const auto known = clients_.find(address);
  if (known != clients_.end()) {
    known->second.last_used = now_seconds();
    return &known->second;
  }
  if (clients_.size() >= max_clients) {
    const auto older = [](const auto& a, const auto& b) { return a.second.last_used < b.second.last_used; };
    drop(std::string(std::min_element(clients_.begin(), clients_.end(), older)->first));
  }
  const SocketAddress container = socket_address(use_other_ ? forward_.other : forward_.address, forward_.port);
  linux::Fd socket(::socket(container.family(), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return nullptr;
  linux::exempt_from_packet_guard(socket.get(), container.v6());
  if (connect(socket.get(), container.get(), container.size) != 0) return nullptr;
  if (clients_.empty()) linux::arm_timer(timer_, std::chrono::seconds(patience));
  loop_.add(socket.get(), EPOLLIN, [this, address] { answer(address); });
  return &(clients_[address] = {std::move(socket), now_seconds()});
}

void UdpForward::answer(const std::string& address) {
  const auto client = clients_.find(address);
  if (client == clients_.end()) return;
  std::string& buffer = datagram();
  const ssize_t size = recv(client->second.socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (size < 0) return errno == ECONNREFUSED ? change_target() : void();  // reading has cleared the error
  client->second.last_used = now_seconds();
  sendto(socket_.get(), buffer.data(), static_cast<std::size_t>(size), MSG_DONTWAIT | MSG_NOSIGNAL,
         reinterpret_cast<const sockaddr*>(address.data()), static_cast<socklen_t>(address.size()));
}

void UdpForward::expire() {
  linux::clear_timer(timer_);
  const std::int64_t oldest = now_seconds() - patience;
  std::vector<std::string> silent;
  for (const auto& [address, client] : clients_)
    if (client.last_used <= oldest) silent.push_back(address);
  for (const auto& address : silent) drop(address);
  if (!clients_.empty()) linux::arm_timer(timer_, std::chrono::seconds(patience));
}

void UdpForward::change_target() {
  if (forward_.other.empty()) return;
  use_other_ = !use_other_;
  while (!clients_.empty()) drop(std::string(clients_.begin()->first));
}

void UdpForward::drop(const std::string& address) {
  const auto client = clients_.find(address);
  loop_.remove(client->second.socket.get());
  clients_.erase(client);
}

}  // namespace conductor::monitor
