#include "compose/reach_draw.hpp"

#include "base/text.hpp"
#include "compose/reach_why.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace conductor::compose {
namespace {

using Kind = Reach::Kind;

// Characters of UTF-8 text.
std::size_t length(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

struct Row {
  std::string arrow, end, detail;
};

// What one service may reach and who may reach it from outside of the file; members of a network in one row.
std::vector<Row> rows_of(const std::string& service, const std::vector<Reach>& reach) {
  std::vector<Row> rows;
  std::map<std::string, std::vector<std::string>> members;
  for (const auto& one : reach)
    if (one.kind == Kind::network && one.from == service && one.to != service) members[one.network].push_back(one.to);
  const auto add = [&](const std::string& arrow, const std::string& end, const std::string& detail) {
    for (auto& row : rows)
      if (row.arrow == arrow && row.end == end && !detail.empty() && !row.detail.empty()) {
        row.detail += ", " + detail;
        return;
      }
    rows.push_back({arrow, end, detail});
  };
  for (const auto& one : reach) {
    if (one.kind == Kind::published && one.to == service)
      add("←", one.from == world_word ? "world" : "this host", published_text(one));
    else if (one.kind == Kind::allowed && one.to == service)
      add("←", one.from == "*" ? "every project" : one.from, "if it links to it");
    else if (one.from != service)
      continue;
    else if (one.kind == Kind::host)
      add("→", "this host", ports_text(one.ports));
    else if (one.kind == Kind::internet)
      add("→", one.to, one.network.empty() ? ports_text(one.ports) : "network " + one.network);
    else if (one.kind == Kind::joined)
      add("=", one.to, "has its network");
    else if (one.kind == Kind::host_network)
      add("=", "this host", "has its network");
    else if (one.kind == Kind::link)
      add("→", one.to, ports_text(one.ports));
  }
  for (const auto& [network, others] : members) add("↔", base::join(others, ", "), "network " + network);
  return rows;
}

std::string to_text(const Project& project, const Drawing& drawing, const std::vector<Reach>& reach) {
  std::string text;
  for (const auto& node : drawing.nodes) {
    if (node.kind != Drawing::Kind::service) continue;
    text += node.name + (node.note.empty() ? "" : " (" + node.note + ")") + "\n";
    const auto rows = rows_of(node.name, reach);
    std::size_t width = 0;
    for (const auto& row : rows)
      if (!row.detail.empty() && row.arrow != "↔") width = std::max(width, length(row.end));
    for (const auto& row : rows) {
      text += "  " + row.arrow + " " + row.end;
      if (!row.detail.empty()) text += std::string(width - std::min(width, length(row.end)) + 2, ' ') + row.detail;
      text += "\n";
    }
    if (rows.empty()) text += "  reaches nothing\n";
  }
  return text + (project.strict ? "nothing else is open\n" : "services of a network reach each other on all ports\n");
}

base::Json to_json(const Project& project, const Drawing& drawing, const std::vector<Reach>& reach) {
  auto services = base::Json::array(), permissions = base::Json::array();
  std::set<std::string> shown;
  for (const auto& node : drawing.nodes) {
    if (node.kind != Drawing::Kind::service) continue;
    shown.insert(node.name);
    auto service = base::Json::object();
    service.set("name", node.name).set("replicas", project.find(node.name)->containers.size());
    services.add(service);
  }
  for (const auto& one : reach)
    if (shown.contains(one.from) || shown.contains(one.to)) permissions.add(to_json(one));
  auto json = base::Json::object();
  json.set("project", project.name).set("strict", project.strict);
  json.set("services", services).set("reach", permissions);
  return json;
}

// Without permissions that lead to services which are not shown.
std::vector<Reach> between(const Project& project, const Drawing& drawing, const std::vector<Reach>& reach) {
  const auto hidden = [&](const std::string& end) {
    return project.find(end) != nullptr && std::ranges::none_of(drawing.nodes, [&](const Drawing::Node& node) {
             return node.kind == Drawing::Kind::service && node.name == end;
           });
  };
  std::vector<Reach> kept;
  for (const auto& one : reach)
    if (!hidden(one.from) && !hidden(one.to)) kept.push_back(one);
  return kept;
}

}  // namespace

std::string draw(const Project& project, const std::vector<Reach>& reach, GraphFormat format,
                 const std::vector<std::string>& services) {
  const Drawing drawing = drawing_of(project, reach, services);
  const auto kept = between(project, drawing, reach);
  switch (format) {
    case GraphFormat::text:
      return to_text(project, drawing, kept);
    case GraphFormat::dot:
      return to_dot(drawing);
    case GraphFormat::mermaid:
      return to_mermaid(drawing);
    case GraphFormat::svg:
      return to_svg(drawing);
    case GraphFormat::json:
      return to_json(project, drawing, kept).dump(2) + "\n";
  }
  return {};
}

}  // namespace conductor::compose
