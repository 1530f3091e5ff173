// A small world for network tests: a fresh network namespace plays the host (the thread is in it while the rig lives),
// another one a neighbour behind the uplink, further ones containers. Everything is gone with the rig.
#pragma once

#include "linux/fd.hpp"
#include "linux/netlink.hpp"
#include "network/network.hpp"
#include "support/temp.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace test {

namespace net = conductor::network;
using conductor::linux::Fd;

// What became of a connection attempt: answered, a reset, an error of the network, or nothing within the deadline.
enum class Outcome { connected, refused, unreachable, silent };
std::string to_text(Outcome outcome);

bool can_make_network_namespaces();
// At the head of every test with a rig; the test needs support/catch.hpp.
#define NEEDS_NAMESPACES() \
  if (!test::can_make_network_namespaces()) SKIP_TEST("needs root and network namespaces")
Fd make_network_namespace();  // without entering it

inline constexpr const char* host_on_uplink = "198.51.100.1";
inline constexpr const char* neighbour_address = "198.51.100.9";
inline constexpr const char* host_on_uplink6 = "2001:db8::1";
inline constexpr const char* neighbour_address6 = "2001:db8::9";
inline constexpr const char* host_to_endpoints = "169.254.1.1";

class Rig {
 public:
  // `configuration` is the machine's configuration file: lines "name = value".
  explicit Rig(const std::string& configuration = {});
  ~Rig();
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;

  // Makes a namespace and an endpoint of that id with one name like it, reserves and attaches it.
  net::Endpoint start(const std::string& id, net::EndpointConfig config = {});
  void stop(const std::string& id);  // its namespace is gone, then detached
  void restart(const std::string& id);
  void attach_in(const std::string& id, const Fd& space);  // a namespace made before
  const Fd& space(const std::string& id) const { return *spaces_.at(id); }
  std::string address(const std::string& id) const;
  std::string address6(const std::string& id) const;  // only where IPv6 is on
  std::string host6() const;                          // the host's address towards endpoints
  bool ipv6() const { return network_->settings().ipv6(); }
  // Addresses and routes of the uplink, as the host's own network configuration sets them when it comes up.
  static void configure_uplink();

  // Listens in a namespace on every address; nobody accepts, the kernel alone answers.
  void serve(const Fd& space, int port);
  void serve(const std::string& id, int port);  // until it is stopped
  Outcome connect(const Fd& space, const std::string& address, int port) const;
  Outcome connect(const std::string& id, const std::string& to, int port) const {
    return connect(space(id), address(to), port);
  }
  bool ping(const Fd& space, const std::string& address) const;

  net::Network& network() const { return *network_; }
  const net::Settings& settings() const { return network_->settings(); }
  const Fd& host() const { return host_; }
  const Fd& neighbour() const { return neighbour_; }
  const conductor::store::Locations& locations() const { return locations_; }
  std::string path(const std::string& name) const { return directory_ / name; }
  void drop_space(const std::string& id) { spaces_.erase(id); }

  // The host as text, to compare: settings of all interfaces, rules, routes of all tables, rule sets, policies of the
  // packet transformation, queueing, addresses. Waits for the links of stopped endpoints to be gone.
  std::vector<std::string> census() const;

 private:
  TemporaryDirectory directory_;
  conductor::store::Locations locations_;
  Fd origin_, host_, neighbour_;
  std::map<std::string, std::unique_ptr<Fd>> spaces_;
  std::vector<std::string> dying_;  // host side interfaces of stopped endpoints
  std::vector<Fd> servers_;
  std::map<std::string, std::vector<Fd>> servers_of_;  // a socket keeps its namespace alive
  std::unique_ptr<net::Network> network_;
};

void write_setting(const std::string& interface, const std::string& setting, const std::string& value);
std::string read_setting(const std::string& interface, const std::string& setting);

}  // namespace test
