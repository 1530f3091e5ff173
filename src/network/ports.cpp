#include "network/ports.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "network/firewall_elements.hpp"
#include "network/port_holder.hpp"
#include "store/lock.hpp"
#include "store/records.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace conductor::network {

namespace {

constexpr int last_port = 65535;
constexpr int attempts_for_a_free_port = 64;
constexpr int backlog = 4096;  // the kernel lowers it to net.core.somaxconn

// One host port of one protocol.
struct Port {
  std::string host_ip;  // empty: all
  Protocol protocol = Protocol::tcp;
  int number = 0;
  int container_port = 0;

  std::string text() const {
    return (host_ip.empty() ? "" : host_ip + ":") + std::to_string(number) + "/" +
           std::string(base::enum_name(protocol));
  }
};

std::vector<Port> ports_of(const std::vector<Publish>& publish) {
  std::vector<Port> ports;
  for (const Publish& p : publish)
    for (int i = 0; i < p.count; ++i)
      for (const Protocol protocol : {Protocol::tcp, Protocol::udp})
        if (p.protocol == protocol || p.protocol == Protocol::any)
          ports.push_back({on_all_addresses(p) ? "" : p.host_ip, protocol, p.host_port + i, p.container_port + i});
  return ports;
}

// --- sockets
// ------------------------------------------------------------------------------------------------------------

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* get() const { return static_cast<const sockaddr*>(static_cast<const void*>(&storage)); }
};

SocketAddress socket_address(const std::string& ip, int port) {
  SocketAddress result;
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (inet_pton(AF_INET, ip.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(static_cast<std::uint16_t>(port));
    std::memcpy(&result.storage, &v4, result.size = sizeof v4);
  } else if (inet_pton(AF_INET6, ip.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(static_cast<std::uint16_t>(port));
    std::memcpy(&result.storage, &v6, result.size = sizeof v6);
  } else {
    throw base::Error("'" + ip + "' is no IP address");
  }
  return result;
}

// A bound socket, or the errno.
std::pair<linux::Fd, int> try_bind(const std::string& ip, Protocol protocol, int port) {
  const SocketAddress address = socket_address(ip, port);
  const int type = protocol == Protocol::udp ? SOCK_DGRAM : SOCK_STREAM;
  linux::Fd socket(::socket(address.get()->sa_family, type | SOCK_CLOEXEC, 0));
  if (!socket) return {linux::Fd(), errno};
  const int on = 1;
  // A port whose last connections are in TIME_WAIT is free. For UDP the option would let two programs share the port.
  if (type == SOCK_STREAM) ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.get()->sa_family == AF_INET6) ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (::bind(socket.get(), address.get(), address.size) != 0) return {linux::Fd(), errno};
  return {std::move(socket), 0};
}

[[noreturn]] void refuse(const Port& port, int code) {
  if (code == EADDRINUSE)
    throw base::Error("port " + port.text() + " is in use by " + port_holder(port.protocol, port.number))
        .with_hint("publish another port, or stop that program");
  if (code == EADDRNOTAVAIL) throw base::Error("cannot publish " + port.text() + ": this host has no such address");
  throw base::Error("cannot publish " + port.text(), code);
}

void require_bindable(const Port& port) {
  const auto [socket, code] = try_bind(port.host_ip.empty() ? "0.0.0.0" : port.host_ip, port.protocol, port.number);
  if (!socket) refuse(port, code);
}

int some_free_port() {
  const auto [socket, code] = try_bind("127.0.0.1", Protocol::tcp, 0);
  sockaddr_in address{};
  socklen_t size = sizeof address;
  if (!socket || ::getsockname(socket.get(), static_cast<sockaddr*>(static_cast<void*>(&address)), &size) != 0)
    throw base::Error("no free port", code);
  return ntohs(address.sin_port);
}

// --- files
// --------------------------------------------------------------------------------------------------------------

std::string file_prefix(const Port& port) {
  return std::string(base::enum_name(port.protocol)) + "-" + std::to_string(port.number) + "-";
}
std::string file_name(const Port& port) { return file_prefix(port) + (port.host_ip.empty() ? "all" : port.host_ip); }

std::string holder_name(const Endpoint& endpoint) {
  return endpoint.config.names.empty() ? base::short_id(endpoint.id) : endpoint.config.names.front();
}

// Names of files that make the port impossible: the same address, or all addresses on either side.
bool conflicts(const std::string& name, const Port& port) {
  if (!name.starts_with(file_prefix(port))) return false;
  return port.host_ip.empty() || name == file_name(port) || name == file_prefix(port) + "all";
}

// True when `id` holds the port already. Throws when somebody else does.
bool is_held(const Records& records, const std::string& id, const Port& port) {
  bool ours = false;
  for (const auto& name : store::list_directory(records.ports())) {
    if (!conflicts(name, port)) continue;
    const std::string path = records.ports() + "/" + name;
    const auto holder = linux::try_read_file(path);
    if (!holder) continue;
    const auto endpoint = *holder == id ? std::nullopt : records.find(*holder);
    if (endpoint) throw base::Error("port " + port.text() + " is published by container " + holder_name(*endpoint));
    if (*holder == id && name == file_name(port))
      ours = true;
    else
      store::remove_file(path);  // left by a killed command, or an earlier form of the same id's port
  }
  return ours;
}

// Takes the ports that are not held yet, all or none.
void take_all(const Records& records, const std::string& id, const std::vector<Port>& ports) {
  std::vector<std::string> taken;
  try {
    for (const Port& port : ports) {
      if (is_held(records, id, port)) continue;
      require_bindable(port);
      const std::string path = records.ports() + "/" + file_name(port);
      claim_file(path, id);
      taken.push_back(path);
    }
  } catch (const base::Error&) {
    for (const auto& path : taken) store::remove_file(path);
    throw;
  }
}

store::Lock lock_ports(const Records& records) {
  store::make_directory(records.ports());
  store::make_directory(records.state());
  return store::Lock::acquire(records.state() + "/ports.lock");
}

void choose_host_port(const Records& records, const std::string& id, Publish& publish) {
  for (int attempt = 1;; ++attempt) {
    publish.host_port = some_free_port();
    try {
      if (publish.host_port + publish.count - 1 <= last_port) return take_all(records, id, ports_of({publish}));
    } catch (const base::Error&) {
      if (attempt == attempts_for_a_free_port) throw;
    }
  }
}

}  // namespace

void validate_ports(const std::vector<Publish>& publish) {
  for (const Publish& p : publish) {
    if (p.count < 1 || p.container_port < 1 || p.container_port + p.count - 1 > last_port || p.host_port < 0 ||
        p.host_port + p.count - 1 > last_port)
      throw base::Error("ports " + std::to_string(p.host_port) + ":" + std::to_string(p.container_port) +
                        " cannot be published: ports are 1 to 65535");
    if (!p.host_ip.empty()) socket_address(p.host_ip, 0);
  }
}

void require_free_ports(const Records& records, const std::vector<Publish>& publish) {
  const std::string nobody;
  const auto lock = lock_ports(records);
  for (const Port& port : ports_of(publish)) {
    if (port.number == 0) continue;  // one will be found
    is_held(records, nobody, port);
    require_bindable(port);
  }
}

std::vector<Publish> take_ports(const Records& records, const std::string& id, std::vector<Publish> publish) {
  if (publish.empty()) return publish;
  const auto lock = lock_ports(records);
  std::vector<Publish> fixed;
  for (const Publish& p : publish)
    if (p.host_port != 0) fixed.push_back(p);
  take_all(records, id, ports_of(fixed));
  for (Publish& p : publish)
    if (p.host_port == 0) choose_host_port(records, id, p);
  return publish;
}

void give_back_ports(const Records& records, const std::string& id, const std::vector<Publish>& publish) {
  for (const Port& port : ports_of(publish)) {
    const std::string path = records.ports() + "/" + file_name(port);
    if (linux::try_read_file(path) == id) store::remove_file(path);
  }
}

void give_back_ports_of(const Records& records, const std::string& id) {
  for (const auto& name : store::list_directory(records.ports())) {
    const std::string path = records.ports() + "/" + name;
    if (linux::try_read_file(path) == id) store::remove_file(path);
  }
}

std::vector<PortListener> open_listeners(const std::vector<Publish>& publish) {
  std::vector<PortListener> listeners;
  for (const Port& port : ports_of(publish)) {
    const auto addresses =
        port.host_ip.empty() ? std::vector<std::string>{"127.0.0.1", "::1"} : std::vector{port.host_ip};
    for (const auto& address : addresses) {
      auto [socket, code] = try_bind(address, port.protocol, port.number);
      const bool no_ipv6 = address == "::1" && port.host_ip.empty() && code != 0 && code != EADDRINUSE;
      if (no_ipv6) continue;
      if (code == 0 && port.protocol == Protocol::tcp && ::listen(socket.get(), backlog) != 0) code = errno;
      if (code != 0) refuse(port, code);
      listeners.push_back({std::move(socket), port.protocol, port.container_port});
    }
  }
  return listeners;
}

}  // namespace conductor::network
