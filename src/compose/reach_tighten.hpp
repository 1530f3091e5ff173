// `compose tighten`: the smallest reach that serves a project, as a patch to its file. Pure.
#pragma once

#include "compose/reach.hpp"
#include "linux/conntrack.hpp"

#include <optional>
#include <string>
#include <vector>

namespace conductor::compose {

// A connection that a service of the project has opened.
struct Seen {
  std::string from;
  std::string to;            // a service, "project/service", a container's name, or an address outside
  bool outside = false;      // `to` is such an address
  network::PortRange ports;  // one port; none for protocols without

  auto operator<=>(const Seen&) const = default;
};
// In words of the project; nothing for what its services have not opened.
std::optional<Seen> seen_of(const Project& project, const network::Settings& settings,
                            const std::vector<network::Endpoint>& endpoints, const linux::Connection& connection);

struct Proposal {
  std::string service;
  std::vector<std::string> peers;  // to be added, as written in a file: "counter:8080"
  struct Narrowed {
    base::Position place;  // of an entry without ports
    std::string peer;      // what it names
    std::string text;      // what it becomes
  };
  std::vector<Narrowed> narrowed;
  bool internet = false;                  // to be added
  std::vector<std::string> seen_outside;  // why: "203.0.113.7:443", sorted
};
struct Proposals {
  bool isolate = false;            // the file is to say x-conductor: {isolation: strict}
  std::vector<Proposal> services;  // those that change, in the file's order
  std::vector<std::string> notes;  // sentences on what is to be considered
  bool empty() const { return !isolate && services.empty(); }
};

// Without `seen`: what depends_on asks for, on the ports that the other side exposes or publishes; all where it names
// none. A service that is only waited for until it has completed needs no link. What is declared stays. With `seen`:
// the connections instead of depends_on, and links without ports that were used become links to those ports.
Proposals tighten(const Project& project, const std::optional<std::vector<Seen>>& seen);

// The proposals as a unified diff for `patch -p0`, that leaves every other line as it is; empty for no change. `name`
// is what the patch calls the file. Throws Error for a layout that it cannot change safely: the file is read again with
// its changes and has to say just what it said, and what is proposed.
std::string to_patch(const Project& project, const Proposals& proposals, const std::string& name);

// The same in words, for people and for files that cannot be patched: "web: peers: "db:5432"".
std::string to_text(const Proposals& proposals);

}  // namespace conductor::compose
