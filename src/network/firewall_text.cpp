#include "network/firewall_text.hpp"

#include "base/text.hpp"

#include <map>

namespace conductor::network {

namespace {

struct SetDeclaration {
  const char* name;
  const char* declaration;  // without the elements
};

constexpr SetDeclaration sets[] = {
    {"links", "set links { type ipv4_addr . ipv4_addr . inet_proto . inet_service;"},
    {"links_all", "set links_all { type ipv4_addr . ipv4_addr;"},
    {"link_ranges", "set link_ranges { type ipv4_addr . ipv4_addr . inet_proto . inet_service; flags interval;"},
    {"linked", "set linked { type ipv4_addr . ipv4_addr;"},
    {"internet", "set internet { type ipv4_addr;"},
    {"internet_to", "set internet_to { type ipv4_addr . ipv4_addr; flags interval;"},
    {"published", "map published { type inet_proto . inet_service : ipv4_addr . inet_service;"},
    {"published_on", "map published_on { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service;"},
};

// The words in capitals are replaced. A packet is judged in prerouting, behind destination NAT: there it gets the mark
// that the policy rules ask for, or its refusal. `forward` and `input` judge again, whatever mark a packet carries.
constexpr std::string_view chains = R"(
  set name_servers { type ipv4_addr; SERVERS }

  chain prerouting {
    type filter hook prerouting priority dstnat + 1; policy accept;
    iifname "PREFIX*" goto from_endpoint
    ip daddr SUBNET ct state established,related goto pass
    ip daddr SUBNET ct status dnat goto pass
  }
  chain from_endpoint {
    jump declared
    fib daddr type local accept
    goto refuse
  }
  chain declared {
    ct state established,related goto pass
    ip saddr . ip daddr . meta l4proto . th dport @links goto pass
    ip saddr . ip daddr @links_all goto pass
    ip saddr . ip daddr . meta l4proto . th dport @link_ranges goto pass
    icmp type echo-request ip saddr . ip daddr @linked goto pass
    ip daddr SUBNET return
    fib daddr type local return
    ip saddr @internet goto pass
    ip saddr . ip daddr @internet_to goto pass
  }
  chain pass {
    meta mark set meta mark or MARK accept
  }
  chain refuse {
    meta l4proto tcp reject with tcp reset
    reject with icmpx type admin-prohibited
  }

  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname "PREFIX*" goto forward_from_endpoint
    oifname "PREFIX*" goto forward_to_endpoint
  }
  chain forward_from_endpoint {
    jump declared
    goto refuse
  }
  chain forward_to_endpoint {
    ct state established,related accept
    ct status dnat accept
    goto refuse
  }
  chain input {
    type filter hook input priority filter; policy accept;
    iifname "PREFIX*" goto host_services
  }
  chain host_services {
    ct state established,related accept
    ip saddr @internet ip daddr @name_servers meta l4proto { tcp, udp } th dport 53 accept
    goto refuse
  }

  chain publish_in {
    type nat hook prerouting priority dstnat; policy accept;
    iifname "PREFIX*" return
    fib daddr type local dnat ip to ip daddr . meta l4proto . th dport map @published_on
    fib daddr type local dnat ip to meta l4proto . th dport map @published
  }
  chain publish_here {
    type nat hook output priority -100; policy accept;
    ip daddr 127.0.0.0/8 return
    fib daddr type local dnat ip to ip daddr . meta l4proto . th dport map @published_on
    fib daddr type local dnat ip to meta l4proto . th dport map @published
  }
  chain masquerade_out {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr SUBNET oifname != "PREFIX*" masquerade
  }
}
)";

std::string replaced(std::string text, std::string_view word, const std::string& value) {
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + value.size()))
    text.replace(at, word.size(), value);
  return text;
}

std::string element_list(const std::vector<std::string>& elements) {
  return elements.empty() ? "" : "elements = { " + base::join(elements, ", ") + " };";
}

}  // namespace

std::string table_text(const Settings& settings, const std::vector<std::string>& name_servers,
                       const std::set<Element>& elements) {
  std::map<std::string, std::vector<std::string>> by_set;
  for (const Element& element : elements) by_set[element.set].push_back(element.text);

  const std::string table = "table inet " + settings.table;
  std::string text = table + " {\n";
  for (const auto& [name, declaration] : sets)
    text += std::string("  ") + declaration + " " + element_list(by_set[name]) + " }\n";
  std::string rules = replaced(std::string(chains), "PREFIX", settings.interface_prefix);
  rules = replaced(std::move(rules), "SUBNET", settings.subnet_text());
  rules = replaced(std::move(rules), "MARK", std::to_string(settings.mark));
  return text + replaced(std::move(rules), "SERVERS", element_list(name_servers));
}

}  // namespace conductor::network
