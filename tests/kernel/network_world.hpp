// Three containers that most tests of verify and repair need, and what verify says of them.
#pragma once

#include "base/fields.hpp"
#include "linux/namespaces.hpp"
#include "linux/nftables.hpp"
#include "network/attachment.hpp"
#include "network_rig.hpp"
#include "network_rig_host.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace test {

using Texts = std::vector<std::string>;

inline std::string endpoint_table() { return std::to_string(net::endpoint_table); }

inline net::Link link_to(const std::string& peer, int port, net::Protocol protocol = net::Protocol::tcp) {
  net::Link link;
  link.peer = peer;
  link.protocol = protocol;
  link.first_port = port;
  return link;
}

// "web" may reach "db" and the internet; "db" publishes a port; "other" is on its own.
class World : public Rig {
 public:
  explicit World(const std::string& configuration = {}) : Rig(configuration) {
    net::EndpointConfig web, db;
    web.links = {link_to("db", 5432)};
    web.internet = true;
    net::Publish publish;
    publish.host_port = 3000;
    publish.container_port = 8080;
    db.publish = {publish};
    start("db", db);
    start("web", web);
    start("other");
  }
  std::string interface(const std::string& id) const { return network().find(id)->interface; }
  std::string table() const { return "inet " + settings().table; }
  void nft(const std::string& command) const { conductor::linux::run_nft(command); }
  void inside(const std::string& id, const Texts& words) const {
    conductor::linux::in_network_namespace(space(id), [&] { output_of(words); });
  }

  // "kind object: text" of each finding, sorted.
  static Texts texts(const std::vector<net::Finding>& findings) {
    Texts result;
    for (const auto& finding : findings)
      result.push_back(std::string(conductor::base::enum_name(finding.kind)) + " " + finding.object + ": " +
                       finding.text);
    std::sort(result.begin(), result.end());
    return result;
  }
  Texts findings() const { return texts(network().verify()); }
  // What verify says after repair has had its turn.
  Texts after_repair() {
    network().repair();
    return findings();
  }
};

}  // namespace test
