// The older words for reach: peer and addnetwork.
#include "base/error.hpp"
#include "cli/commands.hpp"
#include "cli/older_forms.hpp"
#include "cli/reach_words.hpp"

#include <algorithm>

namespace conductor::cli {

namespace {

void add_link(engine::Engine& engine, const engine::Container& from, const network::Link& link) {
  auto endpoint = from.config.endpoint;
  if (std::find(endpoint.links.begin(), endpoint.links.end(), link) != endpoint.links.end()) return;
  endpoint.links.push_back(link);
  engine.set_endpoint(from.id, endpoint);
}

}  // namespace

int peer(Invocation& call) {
  std::string first, second;
  call.options().word("CONTAINER", first);
  call.options().word("CONTAINER[:PORT[/PROTOCOL]]", second);
  call.options().note(
      "Without a port both may reach each other on all ports; with one, the first may reach that port of the second.");
  call.parse();
  engine::Engine& engine = call.recovered_engine();
  network::Link link = to_link(second);
  const auto from = engine.find(first);
  const auto to = engine.find(link.peer);
  if (from.id == to.id)
    throw base::Error("a container reaches itself without being told").with_exit_code(base::exit_usage);
  const bool both = link.first_port == 0 && link.protocol == network::Protocol::any;
  link.peer = to.config.name;
  add_link(engine, from, link);
  if (both) {
    link.peer = from.config.name;
    add_link(engine, to, link);
  }
  return 0;
}

int add_network(Invocation& call) {
  bool internet = false;
  std::vector<std::string> exposed;
  std::string name;
  call.options().flag("-i,--internet", internet, "may open connections to the world outside");
  call.options().option("-e,--expose", exposed, "publish a port", "CONTAINERPORT-HOSTPORT");
  call.options().word("CONTAINER", name);
  call.parse();
  std::vector<network::Publish> ports;
  for (const auto& text : exposed) {
    const auto read = older_expose(text);
    ports.push_back({{}, read.host_port, read.container_port, 1, network::Protocol::tcp});
  }
  engine::Engine& engine = call.recovered_engine();
  const auto container = engine.find(name);
  auto endpoint = container.config.endpoint;
  endpoint.internet = endpoint.internet || internet;
  for (const auto& port : ports)
    if (std::find(endpoint.publish.begin(), endpoint.publish.end(), port) == endpoint.publish.end())
      endpoint.publish.push_back(port);
  if (endpoint != container.config.endpoint) engine.set_endpoint(container.id, endpoint);
  return 0;
}

}  // namespace conductor::cli
