#include "monitor/control.hpp"

#include "base/error.hpp"
#include "base/wire.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

namespace conductor::monitor {
namespace {

using linux::Fd;

constexpr std::size_t max_clients = 64;

bool same_user(int client) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  return getsockopt(client, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0 && credentials.uid == geteuid();
}

}  // namespace

Control::Control(Loop& loop, std::string socket_path, Handler handler, std::function<void()> starter_gone)
    : loop_(loop),
      path_(std::move(socket_path)),
      handler_(std::move(handler)),
      starter_gone_(std::move(starter_gone)),
      starter_(control_descriptor) {
  loop_.add(starter_.get(), EPOLLIN, [this] { starter_message(); });
}

Control::~Control() {
  if (starter_) loop_.remove(starter_.get());
  if (listener_) loop_.remove(listener_.get());
  for (const auto& [number, client] : clients_) loop_.remove(number);
}

void Control::listen() {
  unlink(path_.c_str());
  listener_ = linux::listen_unix(path_);
  loop_.add(listener_.get(), EPOLLIN, [this] { accept_client(); });
}

void Control::close() {
  if (!listener_) return;
  loop_.remove(listener_.get());
  listener_.reset();
  unlink(path_.c_str());
}

void Control::report(const Report& report) {
  if (!starter_) return;
  try {
    linux::send_message(starter_.get(), base::to_wire(report));
  } catch (const base::Error&) {
    // Its end is noticed by starter_message.
  }
}

void Control::accept_client() {
  Fd client(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!client || clients_.size() >= max_clients || !same_user(client.get())) return;
  const int number = client.get();
  loop_.add(number, EPOLLIN, [this, number] { client_message(number); });
  clients_[number] = std::move(client);
}

void Control::starter_message() {
  auto message = linux::receive_message(starter_.get());
  if (message) return dispatch(std::move(*message));
  loop_.remove(starter_.get());
  starter_.reset();
  starter_gone_();
}

// A client that does not speak our language is shown the door.
void Control::client_message(int client) {
  try {
    if (auto message = linux::receive_message(client)) return dispatch(std::move(*message));
  } catch (const base::Error&) {
  }
  loop_.remove(client);
  clients_.erase(client);
}

void Control::dispatch(linux::Message message) {
  const auto command = base::from_wire<Command>(message.bytes);
  handler_(command, std::move(message.descriptors));
}

}  // namespace conductor::monitor
