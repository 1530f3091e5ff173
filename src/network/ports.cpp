#include "network/ports.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "network/firewall_elements.hpp"
#include "network/port_holder.hpp"
#include "store/lock.hpp"
#include "store/records.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <set>
#include <utility>

namespace conductor::network {

namespace {

constexpr int last_port = 65535;
constexpr int attempts_for_a_free_port = 64;
constexpr int backlog = 4096;  // the kernel lowers it to net.core.somaxconn

// One host port of one protocol at one address.
struct Port {
  std::string host_ip;  // empty: all
  Protocol protocol = Protocol::tcp;
  int number = 0;
  int container_port = 0;
  bool if_possible = false;  // where the host has no IPv6 there is no such port

  std::string text() const {
    const bool v6 = host_ip.find(':') != std::string::npos;
    const std::string address = host_ip.empty() ? "" : (v6 ? "[" + host_ip + "]" : host_ip) + ":";
    return address + std::to_string(number) + "/" + std::string(base::enum_name(protocol));
  }
};

constexpr const char* loopback = "127.0.0.1";
constexpr const char* loopback6 = "::1";

// The form in which addresses are compared.
std::string canonical(const std::string& ip) {
  const auto address = linux::parse_ip(ip);
  if (!address) throw base::Error("'" + base::escape_control(ip) + "' is no IP address");
  return linux::to_text(*address);
}

// Where the host's ports of one entry are: on all addresses, on one, or on both loopback ones.
std::vector<Port> places_of(PublishScope scope, const Publish& publish) {
  if (!on_all_addresses(publish)) {
    if (scope == PublishScope::loopback && !is_loopback(publish))
      throw base::Error("a port cannot be published on " + publish.host_ip + ": its publish_scope is loopback");
    return {{canonical(publish.host_ip)}};
  }
  if (scope != PublishScope::loopback) return {{""}};
  Port second{loopback6};
  second.if_possible = true;
  return {{loopback}, second};
}

std::vector<Port> ports_of(const Settings& settings, const std::vector<Publish>& publish) {
  std::vector<Port> ports;
  for (const Publish& p : publish)
    for (Port port : places_of(p.scope.value_or(settings.publish_scope), p))
      for (const Protocol protocol : {Protocol::tcp, Protocol::udp}) {
        if (p.protocol != protocol && p.protocol != Protocol::any) continue;
        port.protocol = protocol;
        for (int i = 0; i < p.count; ++i) {
          port.number = p.host_port + i;
          port.container_port = p.container_port + i;
          ports.push_back(port);
        }
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

[[noreturn]] void refuse(const Port& port, int code) {
  if (code == EADDRINUSE)
    throw base::Error("port " + port.text() + " is in use by " + port_holder(port.protocol, port.number))
        .with_hint("publish another port, or stop that program");
  if (code == EADDRNOTAVAIL) throw base::Error("cannot publish " + port.text() + ": this host has no such address");
  throw base::Error("cannot publish " + port.text(), code);
}

bool means_no_ipv6(int code) { return code == EAFNOSUPPORT || code == EADDRNOTAVAIL; }

void require_bindable(const Port& port) {
  const auto check = [&](const std::string& ip, bool if_possible) {
    const auto [socket, code] = try_bind(ip, port.protocol, port.number);
    if (!socket && !(if_possible && means_no_ipv6(code))) refuse(port, code);
  };
  if (!port.host_ip.empty()) return check(port.host_ip, port.if_possible);
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

// --- files
// --------------------------------------------------------------------------------------------------------------

std::string file_prefix(const Port& port) {
  return std::string(base::enum_name(port.protocol)) + "-" + std::to_string(port.number) + "-";
}
std::string file_name(const Port& port) { return file_prefix(port) + (port.host_ip.empty() ? "all" : port.host_ip); }

std::string holder_name(const Endpoint& endpoint) {
  return endpoint.config.names.empty() ? base::short_id(endpoint.id) : endpoint.config.names.front();
}

// The files there are, by protocol and number: read once for many ports. The caller holds the lock of the ports.
class PortFiles {
 public:
  explicit PortFiles(const Records& records) : records_(records) {
    for (const auto& name : store::list_directory(records.ports())) names_.emplace(prefix_of(name), name);
  }

  // True when `id` holds the port already. Throws when somebody else does.
  bool is_held(const std::string& id, const Port& port) {
    bool ours = false;
    const auto [first, last] = names_.equal_range(file_prefix(port));
    for (auto found = first; found != last;) {
      const std::string name = (found++)->second;
      if (!conflicts(name, port)) continue;
      const std::string path = records_.ports() + "/" + name;
      const auto holder = linux::try_read_file(path);
      if (!holder) continue;
      const auto endpoint = *holder == id ? std::nullopt : records_.find(*holder);
      if (endpoint) throw base::Error("port " + port.text() + " is published by container " + holder_name(*endpoint));
      if (*holder == id && name == file_name(port))
        ours = true;
      else
        remove(name);  // left by a killed command, or an earlier form of the same id's port
    }
    return ours;
  }

  // Takes the ports that are not held yet, all or none.
  void take_all(const std::string& id, const std::vector<Port>& ports) {
    std::vector<std::string> taken;
    try {
      for (const Port& port : ports) {
        if (is_held(id, port)) continue;
        require_bindable(port);
        claim_file(records_.ports() + "/" + file_name(port), id);
        names_.emplace(file_prefix(port), file_name(port));
        taken.push_back(file_name(port));
      }
    } catch (const base::Error&) {
      for (const auto& name : taken) remove(name);
      throw;
    }
  }

 private:
  // "tcp-80-all" → "tcp-80-"
  static std::string prefix_of(const std::string& name) {
    return name.substr(0, name.find('-', name.find('-') + 1) + 1);
  }
  // The same address, or all addresses on either side.
  static bool conflicts(const std::string& name, const Port& port) {
    return port.host_ip.empty() || name == file_name(port) || name == file_prefix(port) + "all";
  }
  void remove(const std::string& name) {
    store::remove_file(records_.ports() + "/" + name);
    std::erase_if(names_, [&](const auto& entry) { return entry.second == name; });
  }

  const Records& records_;
  std::multimap<std::string, std::string> names_;
};

store::Lock lock_ports(const Records& records) {
  store::make_directory(records.ports());
  store::make_directory(records.state());
  return store::Lock::acquire(records.state() + "/ports.lock");
}

void choose_host_port(const Settings& settings, PortFiles& files, const std::string& id, Publish& publish) {
  for (int attempt = 1;; ++attempt) {
    publish.host_port = some_free_port();
    try {
      if (publish.host_port + publish.count - 1 <= last_port) return files.take_all(id, ports_of(settings, {publish}));
    } catch (const base::Error&) {
      if (attempt >= attempts_for_a_free_port) throw;
    }
    if (attempt >= 2 * attempts_for_a_free_port)
      throw base::Error("no " + std::to_string(publish.count) + " free ports in a row");
  }
}

// Two entries that take the same port of the host for different ports of the container.
void require_no_overlap(const std::vector<Publish>& publish) {
  std::multimap<std::pair<Protocol, int>, Port> taken;
  for (const Port& port : ports_of({}, publish)) {
    if (port.number == 0) continue;
    const auto [first, last] = taken.equal_range({port.protocol, port.number});
    for (auto other = first; other != last; ++other) {
      const bool same_address = port.host_ip == other->second.host_ip;
      if (same_address && port.container_port == other->second.container_port) continue;
      if (same_address || port.host_ip.empty() || other->second.host_ip.empty())
        throw base::Error("port " + port.text() + " is published twice");
    }
    taken.emplace(std::pair(port.protocol, port.number), port);
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
std::vector<Port> listening_ports(const Settings& settings, const std::vector<Publish>& publish) {
  std::vector<Port> result;
  std::set<ListenerAddress> seen;
  for (Port port : ports_of(settings, publish)) {
    const bool everywhere = port.host_ip.empty();
    for (const char* address : {loopback, loopback6}) {
      if (everywhere) port.host_ip = address, port.if_possible = address == loopback6;
      if (seen.insert({port.protocol, port.host_ip, port.number}).second) result.push_back(port);
      if (!everywhere) break;
    }
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
    if (!p.host_ip.empty()) canonical(p.host_ip);
  }
  require_no_overlap(publish);
}

void require_free_ports(const Settings& settings, const Records& records, const std::vector<Publish>& publish) {
  const std::string nobody;
  const auto lock = lock_ports(records);
  PortFiles files(records);
  for (const Port& port : ports_of(settings, publish)) {
    if (port.number == 0) continue;  // one will be found
    files.is_held(nobody, port);
    require_bindable(port);
  }
}

std::vector<Publish> take_ports(const Settings& settings, const Records& records, const std::string& id,
                                std::vector<Publish> publish) {
  if (publish.empty()) return publish;
  const auto lock = lock_ports(records);
  PortFiles files(records);
  std::vector<Publish> fixed;
  for (const Publish& p : publish)
    if (p.host_port != 0) fixed.push_back(p);
  files.take_all(id, ports_of(settings, fixed));
  for (Publish& p : publish)
    if (p.host_port == 0) choose_host_port(settings, files, id, p);
  return publish;
}

// Whatever scope the ports had when they were taken.
void give_back_ports(const Records& records, const std::string& id, const std::vector<Publish>& publish) {
  for (const PublishScope scope : {PublishScope::all, PublishScope::loopback})
    for (Publish p : publish) {
      if (scope == PublishScope::loopback && !on_all_addresses(p)) continue;
      p.scope = scope;
      for (const Port& port : ports_of({}, {p})) {
        const std::string path = records.ports() + "/" + file_name(port);
        if (linux::try_read_file(path) == id) store::remove_file(path);
      }
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
  for (const Port& port : listening_ports(settings, publish))
    addresses.push_back({port.protocol, port.host_ip, port.number});
  return addresses;
}

std::vector<PortListener> open_listeners(const Settings& settings, const std::vector<Publish>& publish) {
  const auto ports = listening_ports(settings, publish);
  allow_descriptors(ports.size());
  std::vector<PortListener> listeners;
  for (const Port& port : ports) {
    auto [socket, code] = try_bind(port.host_ip, port.protocol, port.number);
    if (port.if_possible && means_no_ipv6(code)) continue;
    if (code == 0) code = serve_this_host_alone(socket);
    if (code == 0 && port.protocol == Protocol::tcp && ::listen(socket.get(), backlog) != 0) code = errno;
    if (code != 0) refuse(port, code);
    listeners.push_back({std::move(socket), port.protocol, port.container_port});
  }
  return listeners;
}

}  // namespace conductor::network
