// The network: routed veths, links, published ports, names, and the one firewall table (docs/network.md).
//
// Nothing here knows containers: an endpoint is an id with a network namespace. The caller says how to open the
// namespace of an endpoint that is running.
#pragma once

#include "base/fields.hpp"
#include "linux/fd.hpp"
#include "linux/ip_address.hpp"
#include "linux/netlink.hpp"
#include "store/locations.hpp"
#include "store/lock.hpp"

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <map>
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

// Who may use a published port, beside the rules of a firewall that the host has.
enum class PublishScope {
  all,       // everybody
  host,      // this host, at loopback and at its own addresses
  loopback,  // this host, at loopback alone
};
constexpr auto enum_names(PublishScope) {
  return std::array{std::pair{PublishScope::all, "all"}, std::pair{PublishScope::host, "host"},
                    std::pair{PublishScope::loopback, "loopback"}};
}

struct Publish {
  std::string host_ip;  // IPv4 or IPv6; empty: all host addresses and loopback
  int host_port = 0;    // 0: a free one is chosen
  int container_port = 0;
  int count = 1;  // that many ports in a row
  Protocol protocol = Protocol::tcp;
  std::optional<PublishScope> scope{};  // nothing: the machine's setting
  int last_host_port = 0;               // not 0: a free one of host_port to this is chosen

  bool is_chosen() const { return host_port != 0 && last_host_port == 0; }
  bool operator==(const Publish&) const = default;
};
template <base::Is<Publish> S, class V>
void fields(S& s, V&& v) {
  v("host_ip", s.host_ip), v("host_port", s.host_port), v("container_port", s.container_port), v("count", s.count);
  v("protocol", s.protocol), v("scope", s.scope), v("last_host_port", s.last_host_port);
}

// Ports of one protocol, or of TCP and UDP.
struct PortRange {
  Protocol protocol = Protocol::any;
  int first = 0;  // 0: all
  int last = 0;

  auto operator<=>(const PortRange&) const = default;
};
template <base::Is<PortRange> S, class V>
void fields(S& s, V&& v) {
  v("protocol", s.protocol), v("first", s.first), v("last", s.last);
}

// Somewhere outside that an endpoint may open connections to.
struct Destination {
  std::string to;   // "192.0.2.0/24", "2001:db8::1", or a host name: "api.example.org", "*.example.org"
  PortRange ports;  // `any` without ports: every protocol

  bool operator==(const Destination&) const = default;
};
template <base::Is<Destination> S, class V>
void fields(S& s, V&& v) {
  v("to", s.to), v("ports", s.ports);
}

// Being in a network: its members reach each other on all ports, in both directions, where both have `reach`. Aliases
// are names for those who reach the endpoint anyway.
struct Membership {
  std::string network;               // its name on this machine
  std::vector<std::string> aliases;  // further names under which members of that network see this endpoint
  bool reach = true;                 // false: the network gives names and addresses alone
  std::string ipv4, ipv6;            // asked-for addresses within the network's subnets; empty: none of their own

  bool operator==(const Membership&) const = default;
};
template <base::Is<Membership> S, class V>
void fields(S& s, V&& v) {
  v("network", s.network), v("aliases", s.aliases), v("reach", s.reach), v("ipv4", s.ipv4), v("ipv6", s.ipv6);
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
  std::string scope;                // the project; links between different scopes need the other side's allow_peers
  std::vector<Link> links;
  std::vector<std::string> allow_peers;  // of other scopes: "project/service", "project/*", a container's name, "*"
  std::vector<PortRange> expose;         // what links without ports open here; empty: all
  std::vector<Membership> networks;
  bool internet = false;
  std::vector<Destination> internet_to;  // empty with `internet`: everywhere outside
  std::vector<PortRange> host_ports;     // services of the host that may be reached
  std::vector<Publish> publish;
  std::vector<std::string> dns, dns_search, dns_options;  // dns empty: the host's real servers
  std::vector<HostEntry> extra_hosts;

  bool operator==(const EndpointConfig&) const = default;
};
template <base::Is<EndpointConfig> S, class V>
void fields(S& s, V&& v) {
  v("names", s.names), v("groups", s.groups), v("scope", s.scope), v("links", s.links);
  v("allow_peers", s.allow_peers), v("expose", s.expose), v("networks", s.networks), v("internet", s.internet);
  v("internet_to", s.internet_to), v("host_ports", s.host_ports), v("publish", s.publish), v("dns", s.dns);
  v("dns_search", s.dns_search), v("dns_options", s.dns_options), v("extra_hosts", s.extra_hosts);
}

// What a host name outside stands for at present, as the endpoint's own resolver was told.
struct ResolvedName {
  std::string name;                    // as asked: "mirror.example.org"
  std::vector<std::string> addresses;  // IPv4 and IPv6

  bool operator==(const ResolvedName&) const = default;
};
template <base::Is<ResolvedName> S, class V>
void fields(S& s, V&& v) {
  v("name", s.name), v("addresses", s.addresses);
}

// A network that containers can be in, as recorded in ROOT/network/networks/NAME.json.
struct NetworkConfig {
  std::string name;
  bool internal = false;        // without internet and published ports
  std::string subnet, subnet6;  // empty: members have addresses of the instance's range alone
  std::map<std::string, std::string> labels;
  std::int64_t created = 0;  // unix nanoseconds

  bool operator==(const NetworkConfig&) const = default;
};
template <base::Is<NetworkConfig> S, class V>
void fields(S& s, V&& v) {
  v("name", s.name), v("internal", s.internal), v("subnet", s.subnet), v("subnet6", s.subnet6);
  v("labels", s.labels), v("created", s.created);
}

// An endpoint as recorded in ROOT/network/endpoints/ID.json.
struct Endpoint {
  std::string id;
  linux::Ipv4 address = 0;             // of the instance's range; its IPv6 address follows from it (address6_of)
  std::vector<std::string> addresses;  // more, of the networks it is in: those asked for, or taken from their subnets
  std::string interface;               // host side; empty while not attached
  EndpointConfig config;               // with chosen host ports filled in
  std::vector<ResolvedName> resolved;  // of the names in internet_to, as they were last told; of this boot only
};
template <base::Is<Endpoint> S, class V>
void fields(S& s, V&& v) {
  v("id", s.id), v("address", s.address), v("addresses", s.addresses), v("interface", s.interface);
  v("config", s.config), v("resolved", s.resolved);
}
// As users know it: by its first name, else by its short id.
std::string display_name(const Endpoint& endpoint);

// A listening socket on loopback for one published port; the monitor serves it by connecting to the endpoint. Its
// existence also keeps other programs from taking the port.
struct PortListener {
  linux::Fd socket;
  Protocol protocol = Protocol::tcp;
  int container_port = 0;
};

// The kernel's names and ranges of this instance. All but the ranges are fixed by store::Locations; the ranges are
// chosen once, beside the host's own networks, and recorded in ROOT/network/range.json.
struct Settings {
  std::string table;                // nft: inet TABLE
  std::string interface_prefix;     // 3 or 6 characters; nobody else's interfaces begin so
  linux::Ipv4 subnet = 0x0ae70000;  // 10.231.0.0/16, or a /20 of 10.128.0.0 to 10.230.255.255 by instance
  int prefix_length = 16;
  linux::IpAddress subnet6;              // a unique-local /64 (RFC 4193); any: IPv6 is off
  std::uint32_t rule_priority = 88;      // first of four policy rules of each family
  std::uint32_t guard_priority = 20088;  // of the rules that keep uplinks from forwarding for others
  std::uint32_t mark = 0x10000;          // one bit
  std::uint32_t interface_group = 0xcd00;
  PublishScope publish_scope = PublishScope::all;  // setting `publish_scope`

  // Reads the record and the configuration file (store::setting: subnet, ipv6, publish_scope); changes nothing. Before
  // the first endpoint is reserved the ranges are those that would be chosen now.
  static Settings of(const store::Locations& locations);
  std::string subnet_text() const;  // "10.231.0.0/16"
  bool ipv6() const { return !subnet6.is_any(); }
  linux::IpPrefix range() const { return {subnet, prefix_length}; }
  linux::IpPrefix range6() const { return {subnet6, 64}; }
  // The instance's /64 with the IPv4 address as its last 32 bits.
  linux::IpAddress address6_of(linux::Ipv4 address) const;
};

// A difference between what is declared and what the kernel does, or cannot do.
struct Finding {
  enum class Kind { missing, extra, damaged, clash } kind = Kind::damaged;
  std::string object;  // "link", "route", "policy rule", "sysctl", "table", "guard", "subnet", "probe" …
  std::string text;    // a sentence with the names of containers: "a may reach b on tcp 8080, which the table lacks"
  std::vector<std::string> ids = {};  // of the endpoints it is about; none: it is about the whole machine
};
constexpr auto enum_names(Finding::Kind) {
  using K = Finding::Kind;
  return std::array{std::pair{K::missing, "missing"}, std::pair{K::extra, "extra"}, std::pair{K::damaged, "damaged"},
                    std::pair{K::clash, "clash"}};
}
template <base::Is<Finding> S, class V>
void fields(S& s, V&& v) {
  v("kind", s.kind), v("object", s.object), v("text", s.text), v("ids", s.ids);
}

// What became of the findings of verify.
struct Mending {
  std::vector<Finding> mended, left;
};

class Records;

class Network {
 public:
  // Opens the network namespace of a running endpoint; nothing when it is not running.
  using NamespaceOpener = std::function<std::optional<linux::Fd>(const std::string& id)>;
  Network(store::Locations locations, NamespaceOpener opener);

  // Throws Error for what can never be meant, and for internet or published ports of an endpoint whose networks with
  // reach are all internal. reserve and reconfigure ask this first.
  void validate(const EndpointConfig& config) const;
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
  // one takes table and policy rules with it. Idempotent; parts that are gone are fine. The pair goes with its
  // namespace; one that others are in (`shared`) loses it now.
  void detach(const std::string& id, bool shared = false);
  // Gives up address and record; detaches first.
  void forget(const std::string& id, bool shared = false);

  // New links, internet or published ports of an endpoint, running or not (`peer`, `addnetwork`).
  void reconfigure(const std::string& id, const EndpointConfig& config);

  const Settings& settings() const { return settings_; }
  std::optional<Endpoint> find(const std::string& id) const;
  std::vector<Endpoint> list() const;             // damaged records are logged and left out
  std::vector<std::string> attached_ids() const;  // as recorded; one whose end nobody has told of is among them

  // Networks. Creating one that is there with the same settings is fine; another one of that name, a subnet that
  // overlaps another network's, the instance's range or the host's own networks is refused by name. Removing one with
  // members is refused; absent is an Error with what was probably meant.
  void create_network(const NetworkConfig& network);
  void remove_network(const std::string& name);
  std::optional<NetworkConfig> find_network(const std::string& name) const;
  std::vector<NetworkConfig> networks() const;  // sorted by name; damaged records are logged and left out

  // What a name of the endpoint's internet_to stands for now: said by its resolver before it answers the container. The
  // addresses replace those said before for that name; those that are no address outside (the host's own, loopback, the
  // containers' range, link-local, multicast) are left out. The elements of the table follow in one transaction.
  void set_resolved(const std::string& id, const ResolvedName& name);

  // Everything that differs between records and kernel: namespaces, routes, neighbours, policy rules, guard, sysctls,
  // table with every element; clashes of the ranges with the host's networks. Changes nothing. Empty: exact.
  std::vector<Finding> verify() const;
  // Makes the kernel match the records again wherever verify finds a difference, in one place after the other, the
  // table in one transaction. What belongs to others (networks and rules of the host) is left as it is, and what fails
  // is logged; both are among `left`.
  Mending mend();
  // Connects for real between attached endpoints of `ids` (all when empty): each declared edge must open, a sample port
  // of each other pair and direction must not, in TCP, UDP and ICMP, IPv4 and IPv6. Where nobody listens a socket of
  // ours does meanwhile, inside the namespace.
  std::vector<Finding> probe(const std::vector<std::string>& ids) const;

  // Files to bind into the container, written anew: hosts and resolv.conf below `directory`. Names that change later
  // are written in place.
  void write_files(const std::string& id, const std::string& directory);

  // False: an endpoint is attached, and the table, a policy rule or another part of what all stand on is gone.
  bool stands() const;
  // What killed commands left of records is removed; the table is back when somebody removed it, from the records.
  // Cheap when all is well.
  void repair();

 private:
  Endpoint require(const std::string& id) const;
  store::Lock lock(store::Lock::Mode mode) const;
  store::Lock enter(const Endpoint& endpoint);
  void change_routes(const std::vector<Endpoint>& before, const std::vector<Endpoint>& after,
                     const NamespaceOpener& opener) const;
  bool change_firewall(const std::vector<Endpoint>& before, const std::vector<Endpoint>& after) const;
  void apply(const Endpoint& before, const Endpoint& after) const;
  void follow_change(const Endpoint& before, const Endpoint& after) const;
  void finish_changes() const;
  void rebuild_or_remove(const std::vector<Endpoint>& attached) const;
  void rebuild_if_needed() const;

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
