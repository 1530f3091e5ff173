#include "network/firewall_text.hpp"

#include "base/text.hpp"

#include <map>

namespace conductor::network {

namespace {

// Sets and maps whose elements come and go with endpoints. ADDR is the address type of a family; each is declared for
// both, the IPv6 one with "6" behind its name.
struct SetDeclaration {
  const char* name;
  const char* kind;
  const char* type;
};
constexpr SetDeclaration sets[] = {
    {"links", "set", "ADDR . ADDR . inet_proto . inet_service;"},
    {"links_all", "set", "ADDR . ADDR;"},
    {"link_ranges", "set", "ADDR . ADDR . inet_proto . inet_service; flags interval;"},
    {"linked", "set", "ADDR . ADDR;"},
    {"internet", "set", "ADDR;"},
    {"internet_to", "set", "ADDR . ADDR; flags interval;"},
    {"internet_to_ports", "set", "ADDR . ADDR . inet_proto . inet_service; flags interval;"},
    {"host_ports", "set", "ADDR . inet_proto . inet_service; flags interval;"},
    {"published", "map", "inet_proto . inet_service : ADDR . inet_service;"},
    {"published_on", "map", "ADDR . inet_proto . inet_service : ADDR . inet_service;"},
    {"published_here", "map", "inet_proto . inet_service : ADDR . inet_service;"},
    {"published_here_on", "map", "ADDR . inet_proto . inet_service : ADDR . inet_service;"},
};

// The words in capitals are replaced. A packet is judged in prerouting, behind destination NAT: there it gets the mark
// that the policy rules and the packet guard ask for, or its refusal. `forward` and `input` judge again by the same
// chain, whatever mark a packet carries. The number of rules is the same however many endpoints there are.
constexpr std::string_view chains = R"(
  chain prerouting {
    type filter hook prerouting priority dstnat + 1; policy accept;
    iifname "PREFIX*" goto from_endpoint
    ip daddr @ranges jump to_endpoint
    ip6 daddr @ranges6 jump to_endpoint
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname "PREFIX*" goto from_endpoint
    oifname "PREFIX*" jump to_endpoint
    oifname "PREFIX*" goto refuse
  }
  chain input {
    type filter hook input priority filter; policy accept;
    iifname "PREFIX*" goto from_endpoint
  }

  chain to_endpoint {
    ct state established,related goto pass
    ct status dnat goto pass
  }
  chain from_endpoint {
    ct state established,related goto pass
    fib daddr type local jump host_services
    jump declared
    goto refuse
  }
  chain host_services {
    ip saddr @internet ip daddr @name_servers meta l4proto { tcp, udp } th dport 53 goto pass
    ip saddr . meta l4proto . th dport @host_ports goto pass
    ip6 saddr @internet6 ip6 daddr @name_servers6 meta l4proto { tcp, udp } th dport 53 goto pass
    ip6 saddr . meta l4proto . th dport @host_ports6 goto pass
  }
  chain declared {
    ip saddr . ip daddr . meta l4proto . th dport @links goto pass
    ip saddr . ip daddr @links_all goto pass
    ip saddr . ip daddr . meta l4proto . th dport @link_ranges goto pass
    icmp type echo-request ip saddr . ip daddr @linked goto pass
    ip6 saddr . ip6 daddr . meta l4proto . th dport @links6 goto pass
    ip6 saddr . ip6 daddr @links_all6 goto pass
    ip6 saddr . ip6 daddr . meta l4proto . th dport @link_ranges6 goto pass
    icmpv6 type echo-request ip6 saddr . ip6 daddr @linked6 goto pass
    ip daddr @ranges return
    ip6 daddr @ranges6 return
    fib daddr type { local, broadcast, anycast, multicast } return
    ip6 daddr { fe80::/10, ff00::/8 } return
    ip saddr @internet goto pass
    ip saddr . ip daddr @internet_to goto pass
    ip saddr . ip daddr . meta l4proto . th dport @internet_to_ports goto pass
    ip6 saddr @internet6 goto pass
    ip6 saddr . ip6 daddr @internet_to6 goto pass
    ip6 saddr . ip6 daddr . meta l4proto . th dport @internet_to_ports6 goto pass
  }
  chain pass {
    meta mark set meta mark or MARK accept
  }
  chain refuse {
    meta l4proto tcp reject with tcp reset
    reject with icmpx type admin-prohibited
  }

  chain publish_in {
    type nat hook prerouting priority dstnat; policy accept;
    iifname "PREFIX*" return
    fib daddr type local goto publish_to_all
  }
  chain publish_here {
    type nat hook output priority -100; policy accept;
    ip daddr 127.0.0.0/8 return
    ip6 daddr ::1 return
    fib daddr type local jump publish_to_host
    fib daddr type local goto publish_to_all
  }
  chain publish_to_all {
    dnat ip to ip daddr . meta l4proto . th dport map @published_on
    dnat ip to meta l4proto . th dport map @published
    dnat ip6 to ip6 daddr . meta l4proto . th dport map @published_on6
    dnat ip6 to meta l4proto . th dport map @published6
  }
  chain publish_to_host {
    dnat ip to ip daddr . meta l4proto . th dport map @published_here_on
    dnat ip to meta l4proto . th dport map @published_here
    dnat ip6 to ip6 daddr . meta l4proto . th dport map @published_here_on6
    dnat ip6 to meta l4proto . th dport map @published_here6
  }
  chain masquerade_out {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr @ranges oifname != "PREFIX*" masquerade
    ip6 saddr @ranges6 oifname != "PREFIX*" masquerade
  }
}
)";

constexpr std::pair<const char*, const char*> families[] = {{"", "ipv4_addr"}, {"6", "ipv6_addr"}};

std::string replaced(std::string text, std::string_view word, const std::string& value) {
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + value.size()))
    text.replace(at, word.size(), value);
  return text;
}

std::string declared(const std::string& kind, const std::string& name, const std::string& type,
                     const std::vector<std::string>& elements) {
  const std::string list = elements.empty() ? "" : "elements = { " + base::join(elements, ", ") + " }; ";
  return "  " + kind + " " + name + " { type " + type + " " + list + "}\n";
}

bool is_v6(const std::string& address) { return address.find(':') != std::string::npos; }

// Sets whose elements are the host's, not endpoints'.
std::string fixed_sets(const std::vector<linux::IpPrefix>& ranges, const std::vector<std::string>& name_servers) {
  std::string text;
  for (const auto& [suffix, type] : families) {
    const bool v6 = *suffix != '\0';
    std::vector<std::string> prefixes, servers;
    for (const auto& range : ranges)
      if (range.address.v6 == v6) prefixes.push_back(linux::to_text(range));
    for (const auto& server : name_servers)
      if (is_v6(server) == v6) servers.push_back(server);
    text += declared("set", std::string("ranges") + suffix, std::string(type) + "; flags interval;", prefixes);
    text += declared("set", std::string("name_servers") + suffix, std::string(type) + ";", servers);
  }
  return text;
}

}  // namespace

std::string table_text(const Settings& settings, const std::vector<linux::IpPrefix>& ranges,
                       const std::vector<std::string>& name_servers, const std::set<Element>& elements) {
  std::map<std::string, std::vector<std::string>> by_set;
  for (const Element& element : elements) by_set[element.set].push_back(element.text);

  std::string text = "table inet " + settings.table + " {\n" + fixed_sets(ranges, name_servers);
  for (const auto& [suffix, address] : families)
    for (const auto& [name, kind, type] : sets)
      text += declared(kind, std::string(name) + suffix, replaced(type, "ADDR", address),
                       by_set[name + std::string(suffix)]);
  const std::string rules = replaced(std::string(chains), "PREFIX", settings.interface_prefix);
  return text + replaced(rules, "MARK", std::to_string(settings.mark));
}

std::vector<std::string> set_names() {
  std::vector<std::string> names;
  for (const auto& family : families) {
    for (const char* name : {"ranges", "name_servers"}) names.push_back(std::string(name) + family.first);
    for (const auto& set : sets) names.push_back(std::string(set.name) + family.first);
  }
  return names;
}

}  // namespace conductor::network
