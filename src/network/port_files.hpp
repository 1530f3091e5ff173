// Which ports of the host are taken, by a file each entry in ROOT/network/ports: PROTOCOL-FIRST[+COUNT]-ADDRESS, with
// the holder's id in it.
#pragma once

#include "network/network.hpp"
#include "network/records.hpp"

#include <string>
#include <vector>

namespace conductor::network {

// Ports of one protocol in a row at one address of the host.
struct HostPorts {
  std::string address;  // as linux::to_text has it; empty: all
  Protocol protocol = Protocol::tcp;
  int first = 0;
  int count = 1;
  int container_port = 0;    // for the first
  bool if_possible = false;  // where the host has no IPv6 there are none

  int last() const { return first + count - 1; }
  HostPorts one(int port) const;  // that one of them
  std::string text() const;       // "[::1]:80/tcp", of a single one
  // Nobody can hold one of these beside one of those.
  bool conflicts_with(const HostPorts& other) const;
};

// The files as they are when this is made: read once, however many ports are looked for. The caller holds the lock of
// the ports meanwhile.
class PortFiles {
 public:
  explicit PortFiles(const Records& records);

  // Throws Error when a container other than `id` holds one of them. Files of ids without a record are removed.
  void require_not_held(const std::string& id, const HostPorts& ports);
  // Takes those that are not held by `id` yet, all or none; earlier claims of it that are in their way go. `check` is
  // called for each port that is new and throws when it cannot be had.
  template <class Check>
  void take_all(const std::string& id, const std::vector<HostPorts>& wanted, Check&& check) {
    for (const HostPorts& ports : wanted) {
      require_not_held(id, ports);
      for (int port = ports.first; port <= ports.last(); ++port)
        if (!is_held_by(id, ports.one(port))) check(ports.one(port));
    }
    claim(id, wanted);
  }
  void give_back(const std::string& id, const HostPorts& ports);

 private:
  struct File {
    HostPorts ports;
    std::string name, holder;
  };
  bool is_held_by(const std::string& id, const HostPorts& port) const;
  void claim(const std::string& id, const std::vector<HostPorts>& wanted);
  void remove(const std::string& name);
  const std::string& holder_of(File& file) const;

  const Records& records_;
  std::vector<File> files_;
};

}  // namespace conductor::network
