// The options of `run` and `create` about the network, docker's words and ours.
#pragma once

#include "cli/options.hpp"
#include "engine/container.hpp"
#include "engine/engine.hpp"

#include <optional>
#include <string>
#include <vector>

namespace conductor::cli {

class NetworkOptions {
 public:
  void declare(Options& options);
  // Fills in network, host name and endpoint. Throws base::Error for what is wrong or does not go together, and says
  // why.
  void read(engine::ContainerConfig& config) const;
  // What the machine has to say about it: the networks exist, and the ports of -P are those of the image, which is
  // resolved.
  void complete(engine::Engine& engine, engine::ContainerConfig& config, const image::Progress& progress) const;

 private:
  std::vector<std::string> publish_, expose_, networks_, aliases_, peers_, links_, allow_peers_, internet_, host_ports_,
      hosts_, dns_, dns_search_, dns_options_;
  std::string hostname_, domain_name_, publish_scope_, ipv4_, ipv6_;
  bool publish_all_ = false;

  void read_networks(engine::ContainerConfig& config) const;
  void check_together(const engine::ContainerConfig& config) const;
  void read_reach(network::EndpointConfig& endpoint) const;
  void set_scope(network::EndpointConfig& endpoint) const;
  void read_names(engine::ContainerConfig& config) const;
  std::vector<std::pair<std::string_view, bool>> said() const;
};

// Throws Error with what was probably meant when there is no such network.
network::NetworkConfig require_network(engine::Engine& engine, const std::string& name);

}  // namespace conductor::cli
