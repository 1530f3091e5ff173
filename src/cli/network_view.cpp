// Networks: those that were made, and the instance itself.
#include "cli/network_view.hpp"

#include "base/text.hpp"
#include "base/units.hpp"
#include "cli/filters.hpp"
#include "linux/ip_address.hpp"
#include "network/attachment.hpp"
#include "network/foreign_chains.hpp"
#include "network/graph.hpp"
#include "store/settings.hpp"

#include <algorithm>

namespace conductor::cli {

namespace {

using base::Json;

constexpr const char* driver = "routed";  // no bridge: a route for each container

Json row(const std::string& name, const std::vector<std::string>& subnets, std::size_t containers) {
  Json json = Json::object();
  json.set("ID", name);
  json.set("Name", name);
  json.set("Driver", driver);
  json.set("Scope", "local");
  json.set("Subnets", base::join(subnets, ", "));
  json.set("Containers", containers);
  return json;
}

std::vector<std::string> subnets_of(const network::Settings& settings) {
  std::vector<std::string> subnets = {settings.subnet_text()};
  if (settings.ipv6()) subnets.push_back(linux::to_text(settings.range6()));
  return subnets;
}

std::vector<std::string> subnets_of(const network::NetworkConfig& network) {
  std::vector<std::string> subnets;
  for (const auto& subnet : {network.subnet, network.subnet6})
    if (!subnet.empty()) subnets.push_back(subnet);
  return subnets;
}

Json address_plan(const std::vector<std::string>& subnets) {
  Json list = Json::array();
  for (const auto& subnet : subnets) {
    const bool v6 = subnet.find(':') != std::string::npos;
    list.add(
        Json::object().set("Subnet", subnet).set("Gateway", v6 ? "fe80::1" : linux::to_text(network::host_address)));
  }
  return Json::object().set("Driver", "conductor").set("Config", std::move(list));
}

// As docker lists the containers of a network: by id.
Json members_json(engine::Engine& engine, const std::vector<engine::Container>& members, const std::string& network) {
  Json all = Json::object();
  for (const auto& container : members) {
    const auto observed = engine.observe(container);
    const Json settings = network_settings(engine, observed);
    const Json* attachment = settings.find("Networks")->find(network);
    if (attachment == nullptr) continue;
    Json json = Json::object();
    json.set("Name", container.config.name);
    json.set("IPv4Address", *attachment->find("IPAddress"));
    json.set("IPv6Address", *attachment->find("GlobalIPv6Address"));
    json.set("Aliases", *attachment->find("Aliases"));
    json.set("Interface", observed.endpoint->interface);
    all.set(container.id, std::move(json));
  }
  return all;
}

// Whether IPv6 is on, and what decides it.
Json ipv6_json(const network::Settings& settings) {
  const auto said = store::setting("ipv6");
  std::string why = "this host can forward it";
  if (said && (*said == "on" || *said == "off"))
    why = "ipv6 = " + *said + " in " + store::settings_file();
  else if (!settings.ipv6())
    why =
        "this kernel cannot forward IPv6 for single interfaces (force_forwarding, Linux 6.17), and the host does not "
        "forward it for all (net.ipv6.conf.all.forwarding = 0)";
  return Json::object().set("State", settings.ipv6() ? "on" : "off").set("Why", why);
}

Json instance_json(const network::Settings& settings) {
  Json json = Json::object();
  json.set("Range", settings.subnet_text());
  json.set("Range6", settings.ipv6() ? linux::to_text(settings.range6()) : "");
  json.set("IPv6", ipv6_json(settings));
  json.set("Table", "inet " + settings.table);
  json.set("InterfacePrefix", settings.interface_prefix);
  json.set("InterfaceGroup", settings.interface_group);
  json.set("RulePriority", settings.rule_priority);
  json.set("GuardPriority", settings.guard_priority);
  json.set("Mark", settings.mark);
  json.set("PublishScope", base::enum_name(settings.publish_scope));
  json.set("Uplinks", base::to_json(network::uplink_interfaces()));
  // Chains of other firewalls that drop forwarded packets and do not let ours pass: none while a container is attached.
  json.set("ClosedForwardChains", base::to_json(network::ForeignChains(settings).closed()));
  json.set("NameServers", base::to_json(network::host_name_servers()));
  return json;
}

std::string ports_text(const network::PortRange& ports) {
  std::string text(base::enum_name(ports.protocol));
  if (ports.first == 0) return text;
  text += " " + std::to_string(ports.first);
  return ports.last > ports.first ? text + "-" + std::to_string(ports.last) : text;
}

Json edges_json(const std::vector<network::Endpoint>& endpoints) {
  Json list = Json::array();
  for (const auto& edge : network::edges(endpoints))
    list.add(Json::object()
                 .set("From", network::display_name(*edge.from))
                 .set("To", network::display_name(*edge.to))
                 .set("Ports", ports_text(edge.ports)));
  return list;
}

Json header(const std::string& name, const std::vector<std::string>& subnets, bool internal, bool ipv6) {
  Json json = Json::object();
  json.set("Name", name);
  json.set("Id", name);
  json.set("Scope", "local");
  json.set("Driver", driver);
  json.set("EnableIPv6", ipv6);
  json.set("IPAM", address_plan(subnets));
  json.set("Internal", internal);
  return json;
}

}  // namespace

std::vector<engine::Container> members_of(const std::vector<engine::Observed>& containers, const std::string& network) {
  std::vector<engine::Container> members;
  for (const auto& observed : containers)
    if (in_network(observed.container.config, network)) members.push_back(observed.container);
  return members;
}

Json listed_links(engine::Engine& engine, const std::vector<engine::Observed>& containers) {
  const auto& settings = engine.network().settings();
  const auto count = std::count_if(containers.begin(), containers.end(),
                                   [](const engine::Observed& observed) { return observed.endpoint.has_value(); });
  Json json = row(links_network, subnets_of(settings), static_cast<std::size_t>(count));
  json.set("Internal", "false");
  json.set("IPv6", settings.ipv6() ? "true" : "false");
  json.set("Labels", "");
  json.set("CreatedAt", "");
  return json;
}

Json listed(const network::NetworkConfig& network, const std::vector<engine::Observed>& containers, bool ipv6) {
  Json json = row(network.name, subnets_of(network), members_of(containers, network.name).size());
  json.set("Internal", network.internal ? "true" : "false");
  json.set("IPv6", ipv6 ? "true" : "false");
  json.set("Labels", labels_text(network.labels));
  json.set("CreatedAt", base::format_time(network.created));
  return json;
}

Json inspected_links(engine::Engine& engine) {
  const auto& settings = engine.network().settings();
  std::vector<engine::Container> members;
  for (const auto& observed : engine.list())
    if (observed.endpoint) members.push_back(observed.container);
  Json json = header(links_network, subnets_of(settings), false, settings.ipv6());
  json.set("Instance", instance_json(settings));
  json.set("Containers", members_json(engine, members, links_network));
  json.set("Links", edges_json(engine.network().list()));
  json.set("Labels", Json::object());
  return json;
}

Json inspected(engine::Engine& engine, const network::NetworkConfig& network) {
  Json json = header(network.name, subnets_of(network), network.internal, engine.network().settings().ipv6());
  json.set("Created", base::format_time(network.created));
  json.set("Containers", members_json(engine, members_of(engine.list(), network.name), network.name));
  json.set("Labels", base::to_json(network.labels));
  return json;
}

}  // namespace conductor::cli
