// The declared graph of a project: who may open connections to whom, on which ports, because of which line of the file.
// Pure. It is read off the configurations that the containers get, so that it says what the network will be told.
#pragma once

#include "compose/project.hpp"

#include <array>
#include <string>
#include <vector>

namespace conductor::compose {

// One declared permission. Between services `from` and `to` are their names in the file; other ends are what `kind`
// says.
struct Reach {
  enum class Kind {
    link,          // to a service, to "project/service" of another project, or to a container's name
    network,       // both are in `network` and reach each other on all ports
    internet,      // to a destination as written; internet_word: everywhere outside
    host,          // to services of this host
    published,     // from world_word, or from host_word where others cannot: a port of this host leads to `to`
    allowed,       // from "project/service", "project/*", a container's name, "*": such a link is let in
    joined,        // `from` is in the network namespace of `to`
    host_network,  // `from` has the host's own network
  } kind = Kind::link;
  std::string from;
  std::string to;
  network::PortRange ports;  // `any` without ports: every protocol; of a published port: inside
  std::string via;           // the key that says so: "peers", "x-peers", "links", "networks" …
  std::string network;       // key, where being in a network is the reason
  base::Position place;      // of what declares it; line 0: a default of the specification
  int host_port = 0;         // of a published port; 0: chosen when it starts
  std::string host_ip;
  network::PublishScope scope = network::PublishScope::all;  // of a published port
};
constexpr auto enum_names(Reach::Kind) {
  using K = Reach::Kind;
  return std::array{std::pair{K::link, "link"},           std::pair{K::network, "network"},
                    std::pair{K::internet, "internet"},   std::pair{K::host, "host"},
                    std::pair{K::published, "published"}, std::pair{K::allowed, "allowed"},
                    std::pair{K::joined, "joined"},       std::pair{K::host_network, "host network"}};
}

inline constexpr const char* internet_word = "internet";  // everywhere outside
inline constexpr const char* host_word = "host";          // this host
inline constexpr const char* world_word = "world";        // whoever reaches this host's addresses

// By service in the file's order, then by kind, then as written. `scope` is for published ports that say none.
std::vector<Reach> declared_reach(const Project& project, network::PublishScope scope = network::PublishScope::all);

// "8080", "9000-9100/udp", "53/tcp"; nothing for all ports of every protocol, "tcp" for all of one.
std::string ports_text(const network::PortRange& ports);
// "3000→8080", "127.0.0.1:3000→8080/udp", "→8080" where the host's port is chosen later.
std::string published_text(const Reach& published);
// "shop/web" of the project shop becomes "web"; others stay.
std::string service_of_group(const Project& project, const std::string& group);

}  // namespace conductor::compose
