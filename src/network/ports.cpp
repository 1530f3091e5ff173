#include "network/ports.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "network/firewall_elements.hpp"
#include "network/port_files.hpp"
#include "network/port_holder.hpp"
#include "store/lock.hpp"
#include "store/records.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <utility>

namespace conductor::network {

namespace {

constexpr int last_port = 65535;
constexpr int attempts_for_a_free_port = 64;
constexpr int backlog = 4096;  // the kernel lowers it to net.core.somaxconn

constexpr const char* loopback = "127.0.0.1";
constexpr const char* loopback6 = "::1";

// The form in which addresses are compared.
std::string canonical(const std::string& ip) {
  const auto address = linux::parse_ip(ip);
  if (!address) throw base::Error("'" + base::escape_control(ip) + "' is no IP address");
  return linux::to_text(*address);
}

// Where the host's ports of one entry are: on all addresses, on one, or on both loopback ones.
std::vector<HostPorts> places_of(PublishScope scope, const Publish& publish) {
  HostPorts place;
  if (!on_all_addresses(publish)) {
    if (scope == PublishScope::loopback && !is_loopback(publish))
      throw base::Error("a port cannot be published on " + publish.host_ip + ": its publish_scope is loopback");
    place.address = canonical(publish.host_ip);
    return {place};
  }
  if (scope != PublishScope::loopback) return {place};
  HostPorts second = place;
  place.address = loopback;
  second.address = loopback6;
  second.if_possible = true;
  return {place, second};
}

std::vector<HostPorts> ports_of(const Settings& settings, const std::vector<Publish>& publish) {
  std::vector<HostPorts> ports;
  for (const Publish& p : publish)
    for (HostPorts place : places_of(p.scope.value_or(settings.publish_scope), p))
      for (const Protocol protocol : {Protocol::tcp, Protocol::udp}) {
        if (p.protocol != protocol && p.protocol != Protocol::any) continue;
        place.protocol = protocol;
        place.first = p.host_port;
        place.count = p.count;
        place.container_port = p.container_port;
        ports.push_back(place);
      }
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

[[noreturn]] void refuse(const HostPorts& port, int code) {
  if (code == EADDRINUSE)
    throw base::Error("port " + port.text() + " is in use by " + port_holder(port.protocol, port.first))
        .with_hint("publish another port, or stop that program");
  if (code == EADDRNOTAVAIL) throw base::Error("cannot publish " + port.text() + ": this host has no such address");
  throw base::Error("cannot publish " + port.text(), code);
}

bool means_no_ipv6(int code) { return code == EAFNOSUPPORT || code == EADDRNOTAVAIL; }

void require_bindable(const HostPorts& port) {
  const auto check = [&](const std::string& ip, bool if_possible) {
    const auto [socket, code] = try_bind(ip, port.protocol, port.first);
    if (!socket && !(if_possible && means_no_ipv6(code))) refuse(port, code);
  };
  if (!port.address.empty()) return check(port.address, port.if_possible);
  check("0.0.0.0", false);
  check("::", true);
}

int some_free_port() {
  const auto [socket, code] = try_bind("127.0.0.1", Protocol::tcp, 0);
  sockaddr_in address{};
  socklen_t size = sizeof address;
  if (!socket || ::getsockname(socket.get(), static_cast<sockaddr*>(static_cast<void*>(&address)), &size) != 0)
    throw base::Error("no free port", code);
  return ntohs(address.sin_port);
}

store::Lock lock_ports(const Records& records) {
  store::make_directory(records.ports());
  store::make_directory(records.state());
  return store::Lock::acquire(records.state() + "/ports.lock");
}

bool conflict(const std::vector<HostPorts>& some, const std::vector<HostPorts>& others) {
  return std::any_of(some.begin(), some.end(), [&](const HostPorts& ports) {
    return std::any_of(others.begin(), others.end(), [&](const auto& other) { return ports.conflicts_with(other); });
  });
}

// The first ones of its range that are free; `own` are those that the same endpoint has for its other entries.
void choose_of_range(const Settings& settings, PortFiles& files, const std::string& id, Publish& publish,
                     const std::vector<HostPorts>& own) {
  const int last = std::exchange(publish.last_host_port, 0), first = publish.host_port;
  for (; publish.host_port + publish.count - 1 <= last; ++publish.host_port) {
    const auto wanted = ports_of(settings, {publish});
    if (conflict(wanted, own)) continue;
    try {
      return files.take_all(id, wanted, require_bindable);
    } catch (const base::Error& e) {
      base::log(base::LogLevel::debug, e.message());  // the next one may be free
    }
  }
  throw base::Error("none of the ports " + std::to_string(first) + " to " + std::to_string(last) + " is free")
      .with_hint("publish another range, or stop what holds them");
}

void choose_host_port(const Settings& settings, PortFiles& files, const std::string& id, Publish& publish) {
  for (int attempt = 1;; ++attempt) {
    publish.host_port = some_free_port();
    try {
      if (publish.host_port + publish.count - 1 <= last_port)
        return files.take_all(id, ports_of(settings, {publish}), require_bindable);
    } catch (const base::Error&) {
      if (attempt >= attempts_for_a_free_port) throw;
    }
    if (attempt >= 2 * attempts_for_a_free_port)
      throw base::Error("no " + std::to_string(publish.count) + " free ports in a row");
  }
}

std::vector<Publish> chosen(std::vector<Publish> publish) {
  std::erase_if(publish, [](const Publish& p) { return !p.is_chosen(); });
  return publish;
}

// Two entries that take the same port of the host for different ports of the container.
void require_no_overlap(const std::vector<Publish>& publish) {
  std::vector<HostPorts> taken;
  for (const HostPorts& ports : ports_of({}, chosen(publish))) {
    for (const HostPorts& other : taken) {
      if (!ports.conflicts_with(other)) continue;
      const bool same =
          ports.address == other.address && ports.container_port - ports.first == other.container_port - other.first;
      if (!same)
        throw base::Error("port " + ports.one(std::max(ports.first, other.first)).text() + " is published twice");
    }
    taken.push_back(ports);
  }
}

// Descriptors for these sockets beside what else is open.
void allow_descriptors(std::size_t sockets) {
  constexpr rlim_t others = 128;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= sockets + others) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// Where the sockets of the ports are bound, each once.
std::vector<HostPorts> listening_ports(const Settings& settings, const std::vector<Publish>& publish) {
  std::vector<HostPorts> result;
  std::set<ListenerAddress> seen;
  const auto add = [&](const HostPorts& ports, const std::string& address, bool if_possible, int number) {
    if (!seen.insert({ports.protocol, address, number}).second) return;
    result.push_back(ports.one(number));
    result.back().address = address;
    result.back().if_possible = if_possible;
  };
  for (const HostPorts& ports : ports_of(settings, publish))
    for (int number = ports.first; number <= ports.last(); ++number) {
      const bool everywhere = ports.address.empty();
      add(ports, everywhere ? loopback : ports.address, ports.if_possible, number);
      if (everywhere) add(ports, loopback6, true, number);
    }
  return result;
}

// Only what this host sends to its own addresses comes in there.
int serve_this_host_alone(const linux::Fd& socket) {
  constexpr std::string_view interface = "lo";
  return ::setsockopt(socket.get(), SOL_SOCKET, SO_BINDTODEVICE, interface.data(), interface.size()) == 0 ? 0 : errno;
}

}  // namespace

void validate_ports(const std::vector<Publish>& publish) {
  for (const Publish& p : publish) {
    if (p.count < 1 || p.container_port < 1 || p.container_port + p.count - 1 > last_port || p.host_port < 0 ||
        p.host_port + p.count - 1 > last_port)
      throw base::Error("ports " + std::to_string(p.host_port) + ":" + std::to_string(p.container_port) +
                        " cannot be published: ports are 1 to 65535");
    if (p.last_host_port != 0 &&
        (p.host_port == 0 || p.last_host_port > last_port || p.last_host_port - p.host_port + 1 < p.count))
      throw base::Error("the host's ports " + std::to_string(p.host_port) + " to " + std::to_string(p.last_host_port) +
                        " are no range that has " + std::to_string(p.count) + " ports");
    if (!p.host_ip.empty()) canonical(p.host_ip);
  }
  require_no_overlap(publish);
}

void require_free_ports(const Settings& settings, const Records& records, const std::vector<Publish>& publish) {
  const std::string nobody;
  const auto lock = lock_ports(records);
  PortFiles files(records);
  for (const HostPorts& ports : ports_of(settings, chosen(publish))) {  // the others will be found
    files.require_not_held(nobody, ports);
    for (int number = ports.first; number <= ports.last(); ++number) require_bindable(ports.one(number));
  }
}

std::vector<Publish> take_ports(const Settings& settings, const Records& records, const std::string& id,
                                std::vector<Publish> publish) {
  if (publish.empty()) return publish;
  const auto lock = lock_ports(records);
  PortFiles files(records);
  auto own = ports_of(settings, chosen(publish));
  files.take_all(id, own, require_bindable);
  for (Publish& p : publish) {
    if (p.is_chosen()) continue;
    p.last_host_port != 0 ? choose_of_range(settings, files, id, p, own) : choose_host_port(settings, files, id, p);
    for (auto& ports : ports_of(settings, {p})) own.push_back(std::move(ports));
  }
  return publish;
}

// Whatever scope the ports had when they were taken.
void give_back_ports(const Records& records, const std::string& id, const std::vector<Publish>& publish) {
  if (publish.empty()) return;
  const auto lock = lock_ports(records);
  PortFiles files(records);
  for (const PublishScope scope : {PublishScope::all, PublishScope::loopback})
    for (Publish p : publish) {
      if (scope == PublishScope::loopback && !on_all_addresses(p)) continue;
      p.scope = scope;
      for (const HostPorts& ports : ports_of({}, {p})) files.give_back(id, ports);
    }
}

void give_back_ports_of(const Records& records, const std::string& id) {
  for (const auto& name : store::list_directory(records.ports())) {
    const std::string path = records.ports() + "/" + name;
    if (linux::try_read_file(path) == id) store::remove_file(path);
  }
}

std::vector<ListenerAddress> listener_addresses(const Settings& settings, const std::vector<Publish>& publish) {
  std::vector<ListenerAddress> addresses;
  for (const HostPorts& port : listening_ports(settings, publish))
    addresses.push_back({port.protocol, port.address, port.first});
  return addresses;
}

std::vector<PortListener> open_listeners(const Settings& settings, const std::vector<Publish>& publish) {
  const auto ports = listening_ports(settings, publish);
  allow_descriptors(ports.size());
  std::vector<PortListener> listeners;
  for (const HostPorts& port : ports) {
    auto [socket, code] = try_bind(port.address, port.protocol, port.first);
    if (port.if_possible && means_no_ipv6(code)) continue;
    if (code == 0) code = serve_this_host_alone(socket);
    if (code == 0 && port.protocol == Protocol::tcp && ::listen(socket.get(), backlog) != 0) code = errno;
    if (code != 0) refuse(port, code);
    listeners.push_back({std::move(socket), port.protocol, port.container_port});
  }
  return listeners;
}

}  // namespace conductor::network
