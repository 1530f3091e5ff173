// network create, rm, prune, connect and disconnect; resolved.
#include "base/error.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "cli/commands.hpp"
#include "cli/each.hpp"
#include "cli/filters.hpp"
#include "cli/network_options.hpp"
#include "cli/network_view.hpp"
#include "cli/output.hpp"
#include "cli/reach_words.hpp"
#include "linux/ip_address.hpp"
#include "parser/syntax.hpp"

#include <unistd.h>

#include <algorithm>

namespace conductor::cli {

namespace {

void refuse_network_word(const std::string& name) {
  if (is_network_word(name))
    throw base::Error("'" + name + "' is no network that can be made, left or removed: it is a kind of network")
        .with_exit_code(base::exit_usage)
        .with_hint("see 'conductor network inspect links' for what all containers of this machine are in");
}

// --subnet: one of each family.
void set_subnet(network::NetworkConfig& network, const std::string& text) {
  const auto prefix = [&] {
    try {
      return linux::parse_prefix(parser::parse_subnet(text));
    } catch (const base::Error& e) {
      throw base::Error("option --subnet: " + e.message()).with_exit_code(base::exit_usage);
    }
  }();
  std::string& subnet = prefix->address.v6 ? network.subnet6 : network.subnet;
  if (!subnet.empty())
    throw base::Error("option --subnet: one network of each family, IPv4 and IPv6").with_exit_code(base::exit_usage);
  subnet = linux::to_text(*prefix);
}

bool confirmed(const std::vector<std::string>& names) {
  print_error("WARNING! This will remove the networks without containers: " + base::join(names, ", ") +
              "\nAre you sure you want to continue? [y/N]");
  std::string answer;
  char letter = 0;
  while (read(STDIN_FILENO, &letter, 1) == 1 && letter != '\n') answer += letter;
  const auto word = base::lower(base::trim(answer));
  return word == "y" || word == "yes";
}

}  // namespace

int network_create(Invocation& call) {
  network::NetworkConfig network;
  std::vector<std::string> subnets, labels;
  std::string driver = "bridge", scope = "local";
  bool ipv6 = false, attachable = false;
  call.options().flag("--internal", network.internal, "its containers have neither internet nor published ports");
  call.options().option("--subnet", subnets, "addresses for its containers, beside those they have anyway", "NETWORK");
  call.options().flag("--ipv6", ipv6, "as always, where this machine has IPv6");
  call.options().option("--label", labels, "a label, NAME=value", "LABEL");
  call.options().option("-d,--driver", driver, "bridge, which means the same as everywhere: routed", "DRIVER");
  call.options().option("--scope", scope, "local", "SCOPE");
  call.options().flag("--attachable", attachable, "as always");
  call.options().refused("--gateway", "containers have no gateway in their subnet: each has a route of its own");
  call.options().refused("--ip-range --aux-address",
                         "addresses are chosen from the whole subnet, or asked for by --ip");
  call.options().refused("--ipam-driver --ipam-opt -o --opt", "there is one way to make a network, and nothing to set");
  call.options().refused("--ingress --config-only --config-from", "networks are of this machine alone");
  call.options().word("NAME", network.name);
  call.parse();
  if (driver != "bridge" && driver != "routed")
    throw base::Error("option --driver: '" + base::escape_control(driver) + "' is not supported; bridge is")
        .with_exit_code(base::exit_usage);
  if (scope != "local") throw base::Error("option --scope takes local").with_exit_code(base::exit_usage);
  refuse_network_word(network.name);
  store::require_valid_name("network", network.name);
  for (const auto& subnet : subnets) set_subnet(network, subnet);
  network.labels = read_labels(labels);
  network.created = base::now_unix_ns();
  engine::Engine& engine = call.recovered_engine();
  if ((ipv6 || !network.subnet6.empty()) && !engine.network().settings().ipv6())
    throw base::Error("IPv6 is off on this machine")
        .with_hint("conductor network inspect --format '{{.Instance.IPv6.Why}}' links says why");
  engine.network().create_network(network);
  print_line(network.name);
  return 0;
}

int network_remove(Invocation& call) {
  bool force = false;
  std::vector<std::string> names;
  call.options().flag("-f,--force", force, "one that does not exist is fine");
  call.options().words("NETWORK", names, 1);
  call.parse();
  engine::Engine& engine = call.recovered_engine();
  return for_each_name(names, [&](const std::string& name) {
    refuse_network_word(name);
    if (force && !engine.network().find_network(name)) return;
    engine.network().remove_network(require_network(engine, name).name);
  });
}

int network_prune(Invocation& call) {
  bool force = false;
  std::vector<std::string> filter_texts;
  call.options().flag("-f,--force", force, "do not ask");
  call.options().option("--filter", filter_texts, "only those, label=NAME[=VALUE]", "FILTER");
  call.parse();
  const Filters filters(filter_texts, {"label"});
  engine::Engine& engine = call.recovered_engine();
  const auto containers = engine.list();
  std::vector<std::string> unused;
  for (const auto& network : engine.network().networks()) {
    const auto holds = [&](const auto&, const auto& value) { return has_label(network.labels, value); };
    if (members_of(containers, network.name).empty() && filters.accept(holds)) unused.push_back(network.name);
  }
  if (unused.empty()) return 0;
  if (!force && !confirmed(unused))
    throw base::Error("nothing is removed: it was not confirmed").with_exit_code(1).with_hint("-f does not ask");
  print_line("Deleted Networks:");
  return for_each_name(unused, [&](const std::string& name) { engine.network().remove_network(name); });
}

int network_connect(Invocation& call) {
  std::vector<std::string> aliases;
  std::string name, container_name, ipv4, ipv6;
  call.options().option("--alias", aliases, "a further name in that network", "NAME");
  call.options().option("--ip", ipv4, "address in that network", "ADDRESS");
  call.options().option("--ip6", ipv6, "IPv6 address in that network", "ADDRESS");
  call.options().unsupported("--link --driver-opt --gw-priority");
  call.options().refused("--link-local-ip", "containers have no link-local addresses");
  call.options().word("NETWORK", name);
  call.options().word("CONTAINER", container_name);
  call.parse();
  refuse_network_word(name);
  network::Membership membership = to_membership(name, aliases, ipv4, ipv6);
  engine::Engine& engine = call.recovered_engine();
  require_network(engine, name);
  const auto container = engine.find(container_name);
  auto endpoint = container.config.endpoint;
  if (in_network(container.config, name))
    throw base::Error("container '" + container.config.name + "' is in network '" + name + "' already");
  endpoint.networks.push_back(std::move(membership));
  engine.set_endpoint(container.id, endpoint);
  return 0;
}

int network_disconnect(Invocation& call) {
  bool force = false;
  std::string name, container_name;
  call.options().flag("-f,--force", force, "one that is not in the network is fine");
  call.options().word("NETWORK", name);
  call.options().word("CONTAINER", container_name);
  call.parse();
  refuse_network_word(name);
  engine::Engine& engine = call.recovered_engine();
  const auto container = engine.find(container_name);
  auto endpoint = container.config.endpoint;
  const auto left = std::erase_if(endpoint.networks, [&](const network::Membership& m) { return m.network == name; });
  if (left == 0 && !force)
    throw base::Error("container '" + container.config.name + "' is not in network '" + base::escape_control(name) +
                      "'");
  if (left != 0) engine.set_endpoint(container.id, endpoint);
  return 0;
}

int resolved(Invocation& call) {
  std::string id;
  network::ResolvedName name;
  call.options().word("ID", id);
  call.options().word("NAME", name.name);
  call.options().words("ADDRESS", name.addresses);
  call.parse();
  call.engine().network().set_resolved(id, name);
  return 0;
}

}  // namespace conductor::cli
