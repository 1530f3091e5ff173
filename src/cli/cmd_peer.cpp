// The older words for reach: peer and addnetwork.
#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/older_forms.hpp"
#include "cli/reach_words.hpp"
#include "network/graph.hpp"

#include <algorithm>
#include <tuple>

namespace conductor::cli {

namespace {

// One end of a link: a container, or all containers of "project/service".
struct End {
  std::string name;  // under which others link to it and allow it
  std::vector<engine::Container> containers;
};

End find_end(engine::Engine& engine, const std::string& typed) {
  if (typed.find('/') == std::string::npos) {
    auto container = engine.find(typed);
    return {container.config.name, {container}};
  }
  End end{typed, {}};
  for (auto& observed : engine.list())
    if (std::ranges::find(observed.container.config.endpoint.groups, typed) !=
        observed.container.config.endpoint.groups.end())
      end.containers.push_back(std::move(observed.container));
  if (end.containers.empty())
    throw base::Error("no such service: " + base::escape_control(typed) + " (PROJECT/SERVICE, with a container)");
  return end;
}

template <class T>
bool add_once(std::vector<T>& list, const T& item) {
  if (std::ranges::find(list, item) != list.end()) return false;
  list.push_back(item);
  return true;
}

network::Endpoint endpoint_of(const engine::Container& container) {
  network::Endpoint endpoint;
  endpoint.id = container.id;
  endpoint.config = container.config.endpoint;
  return endpoint;
}

// What others may link to, and who of other projects may: the end that is reached first, so that the link opens at
// once.
void open(engine::Engine& engine, const End& from, const End& to, network::Link link) {
  link.peer = to.name;
  for (const auto& target : to.containers) {
    const auto admitted = [&](const auto& source) { return network::admits(endpoint_of(target), endpoint_of(source)); };
    if (std::ranges::all_of(from.containers, admitted)) continue;
    auto endpoint = engine.find(target.id).config.endpoint;
    if (add_once(endpoint.allow_peers, from.name)) engine.set_endpoint(target.id, endpoint);
  }
  for (const auto& source : from.containers) {
    auto endpoint = engine.find(source.id).config.endpoint;
    if (add_once(endpoint.links, link)) engine.set_endpoint(source.id, endpoint);
  }
}

// Takes away that link, or every link to that end when it names no ports; and the permission when none is left.
// Returns whether there was one.
bool close(engine::Engine& engine, const End& from, const End& to, const network::Link& link) {
  const auto leads_there = [&](const network::Link& other) {
    const bool named = other.peer == to.name || std::ranges::any_of(to.containers, [&](const auto& target) {
                         return network::answers_to(endpoint_of(target), other.peer);
                       });
    return named && (link.first_port == 0 || std::tie(other.protocol, other.first_port, other.last_port) ==
                                                 std::tie(link.protocol, link.first_port, link.last_port));
  };
  bool any = false, left = false;
  for (const auto& source : from.containers) {
    auto endpoint = engine.find(source.id).config.endpoint;
    if (std::erase_if(endpoint.links, leads_there) != 0) {
      engine.set_endpoint(source.id, endpoint);
      any = true;
    }
    left = left || std::ranges::any_of(endpoint.links, [&](const network::Link& other) {
             return std::ranges::any_of(to.containers, [&](const auto& target) {
               return network::answers_to(endpoint_of(target), other.peer);
             });
           });
  }
  for (const auto& target : to.containers) {
    auto endpoint = engine.find(target.id).config.endpoint;
    if (any && !left && std::erase(endpoint.allow_peers, from.name) != 0) engine.set_endpoint(target.id, endpoint);
  }
  return any;
}

}  // namespace

int peer(Invocation& call) {
  bool remove = false;
  std::string first, second;
  call.options().flag("--remove", remove, "take the link away again");
  call.options().word("CONTAINER", first);
  call.options().word("CONTAINER[:PORTS[/PROTOCOL]]", second);
  call.options().note(
      "Without a port both may reach each other on all ports; with one, the first may reach that port of the second.\n"
      "PROJECT/SERVICE means all containers of a service. Between projects it is allowed at the other end, too.");
  call.parse();
  engine::Engine& engine = call.recovered_engine();
  const network::Link link = to_link(second);
  const End from = find_end(engine, first);
  const End to = find_end(engine, link.peer);
  if (from.name == to.name)
    throw base::Error("a container reaches itself without being told").with_exit_code(base::exit_usage);
  const bool both = link.first_port == 0 && link.protocol == network::Protocol::any;
  if (!remove) {
    open(engine, from, to, link);
    if (both) open(engine, to, from, link);
    return 0;
  }
  bool any = close(engine, from, to, link);
  if (both) any = close(engine, to, from, link) || any;
  if (!any)
    throw base::Error("there is no link from '" + base::escape_control(first) + "' to '" +
                      base::escape_control(second) + "'");
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
    ports.push_back({{}, read.host_port, read.container_port, 1, network::Protocol::tcp, {}});
  }
  engine::Engine& engine = call.recovered_engine();
  const auto container = engine.find(name);
  auto endpoint = container.config.endpoint;
  if (internet) {
    endpoint.internet = true;
    endpoint.internet_to.clear();  // everywhere: more than any list
  }
  for (const auto& port : ports) add_once(endpoint.publish, port);
  if (endpoint != container.config.endpoint) engine.set_endpoint(container.id, endpoint);
  return 0;
}

}  // namespace conductor::cli
