#include "cli/ports_view.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <set>
#include <tuple>

namespace conductor::cli {

namespace {

std::string bracketed(const std::string& address) {
  return address.find(':') == std::string::npos ? address : "[" + address + "]";
}

// Where a port is published, as docker writes it.
std::vector<std::string> addresses_of(const network::Publish& publish, const PortsView& view) {
  if (!publish.host_ip.empty()) return {publish.host_ip};
  if (publish.scope.value_or(view.scope) == network::PublishScope::loopback) return {"127.0.0.1", "::1"};
  if (!view.ipv6) return {"0.0.0.0"};
  return {"0.0.0.0", "::"};
}

// Ports in a row on both sides are one.
std::vector<network::Publish> joined(std::vector<network::Publish> publish) {
  std::stable_sort(publish.begin(), publish.end(), [](const auto& a, const auto& b) {
    return std::tie(a.host_ip, a.protocol, a.container_port) < std::tie(b.host_ip, b.protocol, b.container_port);
  });
  std::vector<network::Publish> result;
  for (const auto& next : publish) {
    const bool continues = !result.empty() && result.back().host_ip == next.host_ip &&
                           result.back().protocol == next.protocol && result.back().scope == next.scope &&
                           result.back().container_port + result.back().count == next.container_port &&
                           result.back().host_port + result.back().count == next.host_port;
    if (continues)
      result.back().count += next.count;
    else
      result.push_back(next);
  }
  return result;
}

std::string with_protocol(const std::string& ports, network::Protocol protocol) {
  return ports + "/" + std::string(base::enum_name(protocol));
}

}  // namespace

std::string range_text(int first, int count) {
  const std::string text = std::to_string(first);
  return count > 1 ? text + "-" + std::to_string(first + count - 1) : text;
}

std::vector<PortBinding> bindings(const std::vector<network::Publish>& publish, const PortsView& view) {
  std::vector<PortBinding> all;
  for (const auto& ports : publish)
    for (int i = 0; i < ports.count; ++i)
      for (const auto& address : addresses_of(ports, view))
        all.push_back(
            {ports.container_port + i, ports.protocol, address, ports.host_port + i, ports.scope.value_or(view.scope)});
  return all;
}

std::string inner_text(const PortBinding& binding) {
  return with_protocol(std::to_string(binding.container_port), binding.protocol);
}

std::string outer_text(const PortBinding& binding) {
  return bracketed(binding.host_ip) + ":" + std::to_string(binding.host_port);
}

std::string ports_text(const std::vector<network::Publish>& publish, const std::vector<std::string>& exposed,
                       const PortsView& view) {
  std::vector<std::string> texts;
  std::set<std::string> published;
  for (const auto& ports : joined(publish)) {
    for (int i = 0; i < ports.count; ++i)
      published.insert(with_protocol(std::to_string(ports.container_port + i), ports.protocol));
    const bool host_alone = ports.scope.value_or(view.scope) == network::PublishScope::host;
    for (const auto& address : addresses_of(ports, view))
      texts.push_back(bracketed(address) + ":" + range_text(ports.host_port, ports.count) + "->" +
                      with_protocol(range_text(ports.container_port, ports.count), ports.protocol) +
                      (host_alone ? " (host)" : ""));
  }
  for (const auto& port : exposed)
    if (!published.contains(port)) texts.push_back(port);
  return base::join(texts, ", ");
}

base::Json ports_json(const std::vector<network::Publish>& publish, const PortsView& view) {
  base::Json ports = base::Json::object();
  for (const auto& binding : bindings(publish, view)) {
    const std::string name = inner_text(binding);
    const base::Json* before = ports.find(name);
    base::Json list = before != nullptr ? *before : base::Json::array();
    list.add(base::Json::object().set("HostIp", binding.host_ip).set("HostPort", std::to_string(binding.host_port)));
    ports.set(name, std::move(list));
  }
  return ports;
}

}  // namespace conductor::cli
