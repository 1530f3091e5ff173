#include "monitor/control.hpp"

#include "base/error.hpp"
#include "base/wire.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
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

// One that is gone is noticed by the loop.
void tell(const Fd& client, const Report& report) {
  try {
    linux::send_message(client.get(), base::to_wire(report));
  } catch (const base::Error&) {
  }
}

}  // namespace

Control::Control(Loop& loop, std::string socket_path, Handler handler, std::function<void(Client)> gone)
    : loop_(loop),
      path_(std::move(socket_path)),
      handler_(std::move(handler)),
      gone_(std::move(gone)),
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
  if (starter_) tell(starter_, report);
  for (const Client client : listeners_) tell(clients_.at(client), report);
}

void Control::accept_client() {
  Fd client(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (client.get() == starter) client = client.duplicate();  // that number means one who is gone
  if (!client || clients_.size() >= max_clients || !same_user(client.get())) return;
  const int number = client.get();
  loop_.add(number, EPOLLIN, [this, number] { client_message(number); });
  clients_[number] = std::move(client);
}

void Control::starter_message() {
  if (auto message = linux::receive_message(starter_.get())) return dispatch(starter, *message);
  // Others of this process hold its descriptor, too: the end of the connection is said, not left to the closing.
  loop_.remove(starter_.get());
  shutdown(starter_.get(), SHUT_RDWR);
  starter_.reset();
  gone_(starter);
}

// A client that does not speak our language is shown the door.
void Control::client_message(Client client) {
  std::optional<linux::Message> message;
  try {
    message = linux::receive_message(client);
    if (message) return dispatch(client, *message);
  } catch (const base::Error& e) {
    tell(clients_.at(client), Report{Event::failed, {}, e.what(), e.exit_code()});
  }
  loop_.remove(client);
  listeners_.erase(client);
  gone_(client);
  clients_.erase(client);
}

void Control::dispatch(Client client, linux::Message& message) {
  handler_(client, base::from_wire<Command>(message.bytes), message.descriptors);
}

}  // namespace conductor::monitor
