// `compose graph`: the declared graph as text for people and as text for programs that draw. Pure; the same input gives
// the same bytes.
#pragma once

#include "compose/reach.hpp"

#include <array>
#include <string>
#include <vector>

namespace conductor::compose {

enum class GraphFormat { text, dot, mermaid, svg, json };
constexpr auto enum_names(GraphFormat) {
  using F = GraphFormat;
  return std::array{std::pair{F::text, "text"}, std::pair{F::dot, "dot"}, std::pair{F::mermaid, "mermaid"},
                    std::pair{F::svg, "svg"}, std::pair{F::json, "json"}};
}

// The graph with what has an end at one of the services, which come first; of all that are active when none is named.
// Throws Error for a name that is no service.
std::string draw(const Project& project, const std::vector<Reach>& reach, GraphFormat format,
                 const std::vector<std::string>& services = {});

// What the drawn forms show: one node for each end, one arrow for all permissions of a pair.
struct Drawing {
  enum class Kind { service, world, here, internet, host, other };  // here: this host as the one who connects
  struct Node {
    Kind kind = Kind::service;
    std::string name;
    std::string note;                   // "×3", "network of this host"; may be empty
    std::vector<std::size_t> networks;  // it is in, as indices
  };
  struct Arrow {
    std::size_t from = 0, to = 0;  // indices of nodes
    std::string label;             // ports; empty: all
    bool dashed = false;           // no connection by itself: joined, or allowed to others
    std::string tip;               // where it is declared; may be empty
  };
  struct Network {
    std::string key;
    bool internal = false;
  };
  std::string title;                                        // of the project
  std::vector<Node> nodes;                                  // services in the file's order, then the others
  std::vector<Arrow> arrows;                                // in the order of the permissions
  std::vector<Network> networks;                            // that open something
  std::vector<std::pair<std::size_t, std::size_t>> starts;  // after (depends_on): node, what it waits for
};
Drawing drawing_of(const Project& project, const std::vector<Reach>& reach, const std::vector<std::string>& services);

std::string to_dot(const Drawing& drawing);
std::string to_mermaid(const Drawing& drawing);
std::string to_svg(const Drawing& drawing);

}  // namespace conductor::compose
