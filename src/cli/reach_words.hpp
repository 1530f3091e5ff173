// What people type about reach, as the network's values. Each throws base::Error (exit code 125) that says what was
// expected.
#pragma once

#include "network/network.hpp"

#include <string>
#include <vector>

namespace conductor::cli {

network::Link to_link(const std::string& peer);        // "name:8080/tcp", "name:9000-9100"
network::Link to_alias(const std::string& link);       // "name:alias", of --link
network::PortRange to_ports(const std::string& text);  // "5432", "53/udp", "9000-9100"
// "3000:8080", "[::1]:80:80", and docker's long form "published=3000,target=8080,protocol=udp,host_ip=…,scope=host".
network::Publish to_publish(const std::string& mapping);
network::PublishScope to_scope(const std::string& text);
// "192.0.2.0/24", "api.example.org:443", "[2001:db8::1]:53/udp".
network::Destination to_destination(const std::string& text);
// "name:address"; the address `host-gateway` is the host's own, as containers see it.
network::HostEntry to_host_entry(const std::string& text);

// Ports of an image or of --expose that `publish` does not name yet, each to be published at a free port.
std::vector<network::Publish> unpublished(const std::vector<network::PortRange>& exposed,
                                          const std::vector<network::Publish>& publish);

// What --internet says, several times or once with commas between: everything, nothing, or destinations.
struct Internet {
  bool everywhere = false;
  std::vector<network::Destination> destinations;
};
Internet to_internet(const std::vector<std::string>& texts);

// One --network: a word that says what kind of network it is, or a network that was made.
//   links, bridge, default · none · host · container:NAME · NAME · name=NAME,alias=A,ip=ADDRESS,ip6=ADDRESS
struct NetworkWord {
  enum class Kind { links, none, host, container, named } kind = Kind::links;
  std::string container;           // of kind container
  network::Membership membership;  // of kind named
};
NetworkWord to_network(const std::string& text);
network::Membership to_membership(const std::string& network, const std::vector<std::string>& aliases,
                                  const std::string& ipv4, const std::string& ipv6);
// Names that say what kind of network a container has, and so cannot be given to one that is made.
bool is_network_word(const std::string& name);

}  // namespace conductor::cli
