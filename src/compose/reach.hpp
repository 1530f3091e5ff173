// The declared graph of a project: who may talk to whom, on which ports, because of which line of the file. Pure.
#pragma once

#include "compose/project.hpp"

#include <optional>
#include <string>
#include <vector>

namespace conductor::compose {

// One declared permission. `from` and `to` are services of the file, "project/service" of others, or one of the words
// below.
struct Reach {
  std::string from;
  std::string to;
  network::PortRange ports;  // any without ports: every protocol
  std::string via;           // "peers", "links", "networks: back", "internet", "ports", "host", "expose" …
  base::Position place;      // of the line that declares it; line 0: a default
  int host_port = 0;         // of a published port
  std::string host_ip;
  network::PublishScope scope = network::PublishScope::all;  // of a published port
};
inline constexpr const char* internet_word = "internet";  // as `to`: everywhere outside; a destination is named itself
inline constexpr const char* host_word = "host";          // as `to`: this host; as `from`: this host alone
inline constexpr const char* world_word = "world";        // as `from`: whoever reaches this host's addresses

// Sorted by service in the file's order, then as written.
std::vector<Reach> declared_reach(const Project& project);

enum class GraphFormat { text, dot, mermaid, svg, json };
std::string draw(const Project& project, const std::vector<Reach>& reach, GraphFormat format);

// Whether `from` may open connections to `to` (services of the file, internet, a host name or address, host, world), on
// a port or on any: the permissions that say so, or the reasons why not, as sentences with file:line:column.
struct Answer {
  bool allowed = false;
  std::vector<Reach> because;
  std::vector<std::string> reasons;  // why not, and what to write to allow it
};
Answer why(const Project& project, const std::string& from, const std::string& to,
           const std::optional<network::PortRange>& ports);

// The smallest `peers` (and `internet`) that serve depends_on and expose, or the connections that were seen.
struct Seen {
  std::string from, to;  // services, internet_word, or an address outside
  network::PortRange ports;
};
struct Proposal {
  std::string service;
  std::vector<std::string> peers;     // as written in a file: "counter:8080"
  std::vector<std::string> internet;  // destinations; "true": anywhere; empty: none
};
std::vector<Proposal> tighten(const Project& project, const std::optional<std::vector<Seen>>& seen);
// The proposals as a unified diff of the file (patch -p0), that leaves every other line as it is.
std::string to_patch(const Project& project, const std::vector<Proposal>& proposals);

}  // namespace conductor::compose
