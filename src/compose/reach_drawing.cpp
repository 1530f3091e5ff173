// From permissions to nodes and arrows, and those in the languages of graphviz and Mermaid.
#include "compose/reach_draw.hpp"

#include <algorithm>
#include <optional>
#include <set>

namespace conductor::compose {
namespace {

using Kind = Reach::Kind;

class Builder {
 public:
  Builder(const Project& project, const std::set<std::string>& shown) : project_(project) {
    drawing_.title = project.name;
    for (const auto& written : project.source.services)
      if (shown.contains(written.name)) add_service(*project.find(written.name));
  }

  void add(const Reach& reach) {
    switch (reach.kind) {
      case Kind::link: {
        const bool own = project_.find(reach.to) != nullptr;
        return arrow(service(reach.from), own ? service(reach.to) : node(Drawing::Kind::other, reach.to), reach);
      }
      case Kind::network:
        return add_member(reach);
      case Kind::internet:
        if (!reach.network.empty()) return;  // the network says so for all that are in it
        return arrow(service(reach.from), node(Drawing::Kind::internet, reach.to), reach);
      case Kind::host:
        return arrow(service(reach.from), node(Drawing::Kind::host, "services of this host"), reach);
      case Kind::published: {
        const bool world = reach.from == world_word;
        return arrow(node(world ? Drawing::Kind::world : Drawing::Kind::here, world ? "world" : "this host"),
                     service(reach.to), reach);
      }
      case Kind::allowed:
        return arrow(sender(reach.from), service(reach.to), reach);
      case Kind::joined:
        return arrow(service(reach.from), service(reach.to), reach);
      case Kind::host_network:
        return;  // a note of the service
    }
  }

  // Networks are listed in the file's order; a network of one is shown, too.
  Drawing finish() {
    for (const auto& written : project_.source.services) add_starts(written.name);
    return std::move(drawing_);
  }

 private:
  const Project& project_;
  Drawing drawing_;

  static std::string note_of(const DesiredService& service) {
    std::string note = service.containers.size() > 1 ? "×" + std::to_string(service.containers.size()) : "";
    std::string mode;
    if (service.pattern.network == engine::NetworkMode::none) mode = "no network";
    if (service.pattern.network == engine::NetworkMode::host) mode = "network of this host";
    return note + (note.empty() || mode.empty() ? "" : ", ") + mode;
  }

  void add_service(const DesiredService& service) {
    std::vector<std::size_t> networks;
    for (const auto& membership : service.pattern.endpoint.networks)
      if (membership.reach && service.pattern.network == engine::NetworkMode::links)
        networks.push_back(network(membership.network));
    std::ranges::sort(networks);
    drawing_.nodes.push_back({Drawing::Kind::service, service.name, note_of(service), networks});
  }

  std::size_t network(const std::string& name) {
    Drawing::Network wanted{name, false};
    for (const auto& known : project_.networks)
      if (known.config.name == name) wanted = {known.key, known.config.internal};
    const auto found = std::ranges::find(drawing_.networks, wanted.key, &Drawing::Network::key);
    const auto index = static_cast<std::size_t>(found - drawing_.networks.begin());
    if (found == drawing_.networks.end()) drawing_.networks.push_back(wanted);
    return index;
  }

  // Services that were not asked for are shown where they are an end.
  std::size_t service(const std::string& name) {
    const auto at = find(Drawing::Kind::service, name);
    if (at == drawing_.nodes.size()) add_service(*project_.find(name));
    return at;
  }

  void add_member(const Reach& reach) {
    service(reach.from);
    service(reach.to);
  }

  std::size_t find(Drawing::Kind kind, const std::string& name) const {
    const auto found = std::ranges::find_if(
        drawing_.nodes, [&](const Drawing::Node& node) { return node.kind == kind && node.name == name; });
    return static_cast<std::size_t>(found - drawing_.nodes.begin());
  }

  std::size_t node(Drawing::Kind kind, const std::string& name) {
    const auto at = find(kind, name);
    if (at == drawing_.nodes.size()) drawing_.nodes.push_back({kind, name, {}, {}});
    return at;
  }

  // Of another project, as the one who connects: a node apart from the same one as a target.
  std::size_t sender(const std::string& name) {
    return node(Drawing::Kind::other, name == "*" ? "every project" : "from " + name);
  }

  static std::string label_of(const Reach& reach) {
    if (reach.kind == Kind::published) return published_text(reach);
    if (reach.kind == Kind::joined) return "in its network";
    if (reach.kind == Kind::allowed) return "allowed";
    return ports_text(reach.ports);
  }

  void arrow(std::size_t from, std::size_t to, const Reach& reach) {
    const bool dashed = reach.kind == Kind::joined || reach.kind == Kind::allowed;
    const std::string label = label_of(reach);
    const std::string tip = reach.place.line == 0 ? "" : base::to_text(reach.place);
    for (auto& known : drawing_.arrows) {
      if (known.from != from || known.to != to || known.dashed != dashed) continue;
      // All ports make naming some of them needless.
      known.label = known.label.empty() || label.empty() ? "" : known.label + ", " + label;
      if (!tip.empty()) known.tip += (known.tip.empty() ? "" : ", ") + tip;
      return;
    }
    drawing_.arrows.push_back({from, to, label, dashed, tip});
  }

  void add_starts(const std::string& name) {
    const auto from = find(Drawing::Kind::service, name);
    if (from == drawing_.nodes.size()) return;
    for (const auto& dependency : project_.find(name)->depends_on)
      if (const auto to = find(Drawing::Kind::service, dependency.service); to != drawing_.nodes.size())
        drawing_.starts.emplace_back(from, to);
  }
};

std::string replaced(std::string_view text, std::initializer_list<std::pair<char, std::string_view>> replacements) {
  std::string result;
  for (const char c : text) {
    const auto* found =
        std::find_if(replacements.begin(), replacements.end(), [&](const auto& r) { return r.first == c; });
    if (found == replacements.end())
      result += c;
    else
      result += found->second;
  }
  return result;
}

std::string dot_text(std::string_view text) {
  return "\"" + replaced(text, {{'"', "\\\""}, {'\\', "\\\\"}, {'\n', " "}}) + "\"";
}

std::string mermaid_text(std::string_view text) {
  return "\"" + replaced(text, {{'"', "#quot;"}, {'#', "#35;"}, {'<', "#lt;"}, {'>', "#gt;"}, {'\n', " "}}) + "\"";
}

std::string label_of(const Drawing::Node& node) {
  return node.note.empty() ? node.name : node.name + " (" + node.note + ")";
}

std::string dot_shape(Drawing::Kind kind) {
  if (kind == Drawing::Kind::service) return "";
  return kind == Drawing::Kind::other ? ", style=\"rounded,dashed\"" : ", shape=ellipse, style=solid";
}

std::string id(char letter, std::size_t index) { return letter + std::to_string(index); }

bool gives_internet(const Drawing& drawing) {
  return std::ranges::any_of(drawing.networks, [](const Drawing::Network& network) { return !network.internal; });
}

std::optional<std::size_t> internet_node(const Drawing& drawing) {
  for (std::size_t i = 0; i < drawing.nodes.size(); ++i)
    if (drawing.nodes[i].kind == Drawing::Kind::internet && drawing.nodes[i].name == "internet") return i;
  return std::nullopt;
}

// Where networks that are not internal lead to: one node, whether a service also has internet by itself or not.
std::string internet_id(const Drawing& drawing) {
  const auto own = internet_node(drawing);
  return own ? id('n', *own) : "internet";
}

bool adds_internet(const Drawing& drawing) { return gives_internet(drawing) && !internet_node(drawing); }

}  // namespace

Drawing drawing_of(const Project& project, const std::vector<Reach>& reach, const std::vector<std::string>& services) {
  std::set<std::string> shown;
  for (const auto* service : select(project, services, services.empty())) shown.insert(service->name);
  const auto hidden = [&](const std::string& end) { return project.find(end) != nullptr && !shown.contains(end); };
  Builder builder(project, shown);
  for (const auto& one : reach) {
    const bool skip =
        services.empty() ? hidden(one.from) || hidden(one.to) : !shown.contains(one.from) && !shown.contains(one.to);
    if (!skip) builder.add(one);
  }
  return builder.finish();
}

std::string to_dot(const Drawing& drawing) {
  std::string text = "digraph " + dot_text(drawing.title) + " {\n  rankdir=LR;\n";
  text += "  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n";
  text += "  edge [fontname=\"sans-serif\", fontsize=11];\n";
  for (std::size_t i = 0; i < drawing.nodes.size(); ++i)
    text += "  " + id('n', i) + " [label=" + dot_text(label_of(drawing.nodes[i])) + dot_shape(drawing.nodes[i].kind) +
            "];\n";
  for (std::size_t i = 0; i < drawing.networks.size(); ++i)
    text += "  " + id('w', i) + " [label=" + dot_text("network " + drawing.networks[i].key) +
            ", shape=hexagon, style=solid];\n";
  if (adds_internet(drawing)) text += "  internet [label=\"internet\", shape=ellipse, style=solid];\n";
  for (const auto& arrow : drawing.arrows) {
    text += "  " + id('n', arrow.from) + " -> " + id('n', arrow.to);
    if (!arrow.label.empty() || arrow.dashed)
      text += " [label=" + dot_text(arrow.label) + (arrow.dashed ? ", style=dashed" : "") + "]";
    text += ";\n";
  }
  for (std::size_t i = 0; i < drawing.nodes.size(); ++i)
    for (const auto network : drawing.nodes[i].networks)
      text += "  " + id('n', i) + " -> " + id('w', network) + " [dir=both];\n";
  for (std::size_t i = 0; i < drawing.networks.size(); ++i)
    if (!drawing.networks[i].internal) text += "  " + id('w', i) + " -> " + internet_id(drawing) + ";\n";
  return text + "}\n";
}

std::string to_mermaid(const Drawing& drawing) {
  std::string text = "flowchart LR\n";
  for (std::size_t i = 0; i < drawing.nodes.size(); ++i) {
    const bool service = drawing.nodes[i].kind == Drawing::Kind::service;
    text += "  " + id('n', i) + (service ? "[" : "([") + mermaid_text(label_of(drawing.nodes[i])) +
            (service ? "]" : "])") + "\n";
  }
  for (std::size_t i = 0; i < drawing.networks.size(); ++i)
    text += "  " + id('w', i) + "{{" + mermaid_text("network " + drawing.networks[i].key) + "}}\n";
  if (adds_internet(drawing)) text += "  internet([\"internet\"])\n";
  for (const auto& arrow : drawing.arrows) {
    text += "  " + id('n', arrow.from) + (arrow.dashed ? " -.->" : " -->");
    if (!arrow.label.empty()) text += "|" + mermaid_text(arrow.label) + "|";
    text += " " + id('n', arrow.to) + "\n";
  }
  for (std::size_t i = 0; i < drawing.nodes.size(); ++i)
    for (const auto network : drawing.nodes[i].networks) text += "  " + id('n', i) + " <--> " + id('w', network) + "\n";
  for (std::size_t i = 0; i < drawing.networks.size(); ++i)
    if (!drawing.networks[i].internal) text += "  " + id('w', i) + " --> " + internet_id(drawing) + "\n";
  return text;
}

}  // namespace conductor::compose
