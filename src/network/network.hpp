// The network: routed veths, links, published ports, names, and the one firewall table (docs/network.md).
//
// Nothing here knows containers: an endpoint is an id with a network namespace. The caller says how to open the
// namespace of an endpoint that is running.
#pragma once

#include "base/fields.hpp"
#include "linux/fd.hpp"
#include "linux/netlink.hpp"
#include "store/locations.hpp"
#include "store/lock.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace conductor::network {

enum class Protocol { any, tcp, udp };
constexpr auto enum_names(Protocol) {
  return std::array{std::pair{Protocol::any, "any"}, std::pair{Protocol::tcp, "tcp"}, std::pair{Protocol::udp, "udp"}};
}

// "May open connections to": from this endpoint to all that answer to `peer`.
struct Link {
  std::string peer;  // a name or a group of other endpoints
  Protocol protocol = Protocol::any;
  int first_port = 0;  // 0: all ports
  int last_port = 0;
  std::string alias;  // a further name under which the peer is seen; may be empty

  bool operator==(const Link&) const = default;
};
template <base::Is<Link> S, class V>
void fields(S& s, V&& v) {
  v("peer", s.peer), v("protocol", s.protocol), v("first_port", s.first_port), v("last_port", s.last_port);
  v("alias", s.alias);
}

struct Publish {
  std::string host_ip;  // empty: all host addresses and loopback
  int host_port = 0;    // 0: a free one is chosen
  int container_port = 0;
  int count = 1;  // that many ports in a row
  Protocol protocol = Protocol::tcp;

  bool operator==(const Publish&) const = default;
};
template <base::Is<Publish> S, class V>
void fields(S& s, V&& v) {
  v("host_ip", s.host_ip), v("host_port", s.host_port), v("container_port", s.container_port), v("count", s.count);
  v("protocol", s.protocol);
}

struct HostEntry {
  std::string name;
  std::string address;
  bool operator==(const HostEntry&) const = default;
};
template <base::Is<HostEntry> S, class V>
void fields(S& s, V&& v) {
  v("name", s.name), v("address", s.address);
}

// What an endpoint asks for.
struct EndpointConfig {
  std::vector<std::string> names;   // first: its host name; all unique over the machine or group names below
  std::vector<std::string> groups;  // names it shares with replicas, e.g. "project/service"
  std::vector<Link> links;
  bool internet = false;
  std::vector<std::string> internet_to;  // CIDRs; empty with `internet`: everywhere outside
  std::vector<Publish> publish;
  std::vector<std::string> dns;  // empty: the host's real servers
  std::vector<HostEntry> extra_hosts;

  bool operator==(const EndpointConfig&) const = default;
};
template <base::Is<EndpointConfig> S, class V>
void fields(S& s, V&& v) {
  v("names", s.names), v("groups", s.groups), v("links", s.links), v("internet", s.internet);
  v("internet_to", s.internet_to), v("publish", s.publish), v("dns", s.dns), v("extra_hosts", s.extra_hosts);
}

// An endpoint as recorded in ROOT/network/endpoints/ID.json.
struct Endpoint {
  std::string id;
  linux::Ipv4 address = 0;
  std::string interface;  // host side; empty while not attached
  EndpointConfig config;  // with chosen host ports filled in
};
template <base::Is<Endpoint> S, class V>
void fields(S& s, V&& v) {
  v("id", s.id), v("address", s.address), v("interface", s.interface), v("config", s.config);
}

// A listening socket on loopback for one published port; the monitor serves it by connecting to the endpoint. Its
// existence also keeps other programs from taking the port.
struct PortListener {
  linux::Fd socket;
  Protocol protocol = Protocol::tcp;
  int container_port = 0;
};

// The kernel's names of this instance, fixed by store::Locations.
struct Settings {
  std::string table;                // nft: inet TABLE
  std::string interface_prefix;     // 3 or 6 characters; nobody else's interfaces begin so
  linux::Ipv4 subnet = 0x0ae70000;  // 10.231.0.0/16, or a /20 of 10.128.0.0 to 10.230.255.255 by instance
  int prefix_length = 16;
  std::uint32_t rule_priority = 88;      // first of four policy rules
  std::uint32_t guard_priority = 20088;  // of the rules that keep uplinks from forwarding for others
  std::uint32_t mark = 0x10000;          // one bit
  std::uint32_t interface_group = 0xcd00;
  static Settings of(const store::Locations& locations);
  std::string subnet_text() const;  // "10.231.0.0/16"
};

class Records;

class Network {
 public:
  // Opens the network namespace of a running endpoint; nothing when it is not running.
  using NamespaceOpener = std::function<std::optional<linux::Fd>(const std::string& id)>;
  Network(store::Locations locations, NamespaceOpener opener);

  // Takes an address and the published ports. Throws Error naming the holder (pid and program, or container) of a port
  // that is taken; then nothing is changed. Idempotent for the same id.
  Endpoint reserve(const std::string& id, const EndpointConfig& config);
  // Throws as reserve does when one of the ports is taken; takes nothing.
  void require_free(const std::vector<Publish>& publish);
  // The sockets for the monitor: loopback listeners of every published port (v4 and v6). Throws as above.
  std::vector<PortListener> listen(const Endpoint& endpoint);

  // Connects a namespace: veth, address, routes, firewall elements, names; also of peers that are running. Makes the
  // table and the policy rules when they are not there.
  void attach(const std::string& id, const linux::Fd& network_namespace);
  // Takes an endpoint that has stopped out of firewall, peers' routes and names. Its address stays reserved. The last
  // one takes table and policy rules with it. Idempotent; parts that are gone are fine.
  void detach(const std::string& id);
  // Gives up address and record; detaches first.
  void forget(const std::string& id);

  // New links, internet or published ports of an endpoint, running or not (`peer`, `addnetwork`).
  void reconfigure(const std::string& id, const EndpointConfig& config);

  std::optional<Endpoint> find(const std::string& id) const;
  std::vector<Endpoint> list() const;  // damaged records are logged and left out

  // Files to bind into the container, written anew: hosts and resolv.conf below `directory`. Names that change later
  // are written in place.
  void write_files(const std::string& id, const std::string& directory);

  // What killed commands left of records is removed; the table is back when somebody removed it, from the records.
  // Cheap when all is well.
  void repair();

 private:
  Endpoint require(const std::string& id) const;
  store::Lock lock(store::Lock::Mode mode) const;
  store::Lock enter(const Endpoint& endpoint) const;
  void change_routes(const std::vector<Endpoint>& before, const std::vector<Endpoint>& after,
                     const NamespaceOpener& opener) const;
  bool change_firewall(const std::vector<Endpoint>& before, const std::vector<Endpoint>& after) const;
  void rebuild_or_remove(const std::vector<Endpoint>& attached) const;

  store::Locations locations_;
  NamespaceOpener opener_;
  Settings settings_;
  std::shared_ptr<Records> records_;
};

// Name servers a container can reach: those of resolv.conf, or of systemd-resolved's list where that one names loopback
// only.
std::vector<std::string> host_name_servers();
// Uplinks: interfaces of the host's default routes.
std::vector<std::string> uplink_interfaces();

}  // namespace conductor::network
