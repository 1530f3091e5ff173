#include "network/foundation.hpp"

#include "base/error.hpp"
#include "linux/nftables.hpp"
#include "network/attachment.hpp"
#include "network/firewall_text.hpp"
#include "network/uplinks.hpp"

#include <algorithm>

namespace conductor::network {

std::vector<linux::PolicyRule> policy_rules(const Settings& settings) {
  const linux::IpPrefix subnet = settings.range();
  linux::PolicyRule from_host, marked, from_endpoints, to_endpoints;
  from_host.input_interface = "lo";  // so the kernel spells "made on this host"; reverse path checks count as that, too
  from_host.to = subnet;
  marked.mark = marked.mark_mask = settings.mark;
  from_endpoints.from = subnet;
  from_endpoints.prohibit = true;
  to_endpoints.to = subnet;
  to_endpoints.prohibit = true;
  std::vector rules{from_host, marked, from_endpoints, to_endpoints};
  for (std::uint32_t i = 0; auto& rule : rules) rule.priority = settings.rule_priority + i++;
  return rules;
}

bool Foundation::stands() const {
  if (!linux::nft_table_exists("inet", settings_.table)) return false;
  const auto present = linux::Netlink().rules();
  for (const auto& rule : policy_rules(settings_))
    if (std::find(present.begin(), present.end(), rule) == present.end()) return false;
  return Uplinks(settings_, records_.state()).ready(present);
}

void Foundation::build(const std::vector<Endpoint>& attached) const {
  const base::Context context("setting up the network");
  linux::Netlink netlink;
  // The rules first: they prohibit, the table permits.
  for (const auto& rule : policy_rules(settings_)) netlink.add_rule(rule);
  netlink.send();
  // A deletion makes the kernel wait for a grace period: only where there is something to delete.
  const std::string replaced =
      linux::nft_table_exists("inet", settings_.table) ? "delete table inet " + settings_.table + "\n" : "";
  linux::run_nft(replaced + table_text(settings_, host_name_servers(), firewall_elements(attached)));
  Uplinks(settings_, records_.state()).prepare();
  // Whoever switches forwarding off for the whole host switches it off for each interface.
  for (const auto& endpoint : attached)
    if (const auto link = netlink.link(endpoint.interface)) set_host_end_up(netlink, link->index);
  netlink.send();
}

void Foundation::remove() const {
  base::Collector collector;
  collector.attempt([&] { Uplinks(settings_, records_.state()).restore(); });
  collector.attempt([&] { linux::remove_nft_table("inet", settings_.table); });
  collector.attempt([&] {
    linux::Netlink netlink;
    for (const auto& rule : policy_rules(settings_)) netlink.remove_rule(rule);
    netlink.send();
  });
  collector.finish();
}

}  // namespace conductor::network
