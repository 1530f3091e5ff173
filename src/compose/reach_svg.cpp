// The drawing as SVG 1.1 with its own colours for light and dark surroundings; no script, no font, nothing from
// outside.
#include "compose/reach_draw.hpp"
#include "compose/reach_layout.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace conductor::compose {
namespace {

constexpr double margin = 24;
constexpr double heading = 40;  // height of the title
constexpr double name_height = 40, note_height = 16, chip_height = 20, chip_gap = 6;
constexpr double legend_line = 22;
// Widths of a character in the sizes below, wide enough for the sans-serif fonts of all systems.
constexpr double name_character = 8.4, small_character = 6.8;
constexpr std::array hues{"#0969da", "#1a7f37", "#8250df", "#bc4c00", "#bf3989", "#4d5d00"};

constexpr const char* style = R"(  <style>
    text { font-family: system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif; fill: #1f2328; }
    .title { font-size: 17px; font-weight: 600; }
    .name { font-size: 14px; font-weight: 600; text-anchor: middle; }
    .note, .label, .legend { font-size: 11.5px; fill: #57606a; }
    .note, .label { text-anchor: middle; }
    .chip { font-size: 11.5px; fill: #ffffff; text-anchor: middle; }
    .paper { fill: #ffffff; }
    .service { fill: #f6f8fa; stroke: #57606a; stroke-width: 1.2; }
    .outside { fill: #ddf4ff; stroke: #0969da; stroke-width: 1.2; }
    .here { fill: #fff8c5; stroke: #9a6700; stroke-width: 1.2; }
    .other { fill: none; stroke: #57606a; stroke-dasharray: 4 3; }
    .line { fill: none; stroke: #6e7781; stroke-width: 1.4; }
    .dashed { stroke-dasharray: 5 4; }
    .head { fill: #6e7781; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3; }
      .note, .label, .legend { fill: #9aa4af; }
      .paper { fill: #0d1117; }
      .service { fill: #161b22; stroke: #8b949e; }
      .outside { fill: #0c2d4d; stroke: #58a6ff; }
      .here { fill: #3b2e00; stroke: #d29922; }
      .other { stroke: #8b949e; }
      .line { stroke: #8b949e; }
      .head { fill: #8b949e; }
    }
  </style>
)";

// XML 1.0 text and attribute values; control characters are not allowed in it at all.
std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '&')
      result += "&amp;";
    else if (c == '<')
      result += "&lt;";
    else if (c == '>')
      result += "&gt;";
    else if (c == '"')
      result += "&quot;";
    else if (static_cast<unsigned char>(c) >= 0x20)
      result += c;
  }
  return result;
}

// One digit behind the point, the same in every locale.
std::string number(double value) {
  const auto tenths = std::llround(value * 10);
  const auto whole = std::abs(tenths) / 10, rest = std::abs(tenths) % 10;
  return (tenths < 0 ? "-" : "") + std::to_string(whole) + (rest == 0 ? "" : "." + std::to_string(rest));
}

double text_width(std::string_view text, double character) {
  return character * static_cast<double>(std::ranges::count_if(
                         text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

// A label in lines of at most some characters, broken behind commas.
std::vector<std::string> lines_of(const std::string& label) {
  constexpr std::size_t longest = 24;
  std::vector<std::string> lines;
  std::string line;
  for (std::size_t begin = 0; begin < label.size();) {
    const auto comma = label.find(", ", begin);
    const auto end = comma == std::string::npos ? label.size() : comma + 1;
    const std::string piece = label.substr(begin, end - begin);
    if (!line.empty() && line.size() + piece.size() + 1 > longest) lines.push_back(std::exchange(line, ""));
    line += (line.empty() ? "" : " ") + piece;
    begin = comma == std::string::npos ? label.size() : comma + 2;
  }
  if (!line.empty()) lines.push_back(line);
  return lines;
}

std::string attribute(const std::string& name, double value) { return " " + name + "=\"" + number(value) + "\""; }

std::string text_at(const std::string& kind, double x, double y, const std::string& text) {
  return "<text class=\"" + kind + "\"" + attribute("x", x) + attribute("y", y) + ">" + escaped(text) + "</text>\n";
}

std::string box(const std::string& kind, Point centre, double width, double height, double radius) {
  return "<rect class=\"" + kind + "\"" + attribute("x", centre.x - width / 2) + attribute("y", centre.y - height / 2) +
         attribute("width", width) + attribute("height", height) + attribute("rx", radius) + "/>\n";
}

class Picture {
 public:
  explicit Picture(const Drawing& drawing) : drawing_(drawing) {
    for (const auto& node : drawing.nodes) nodes_.push_back(measured(node));
    for (const auto& arrow : drawing.arrows) edges_.push_back(measured(arrow));
    for (const auto& [from, to] : drawing.starts) edges_.push_back({from, to, 0, 0, false});
    layout_ = lay_out(nodes_, edges_);
  }

  std::string svg() const {
    const double legend =
        drawing_.networks.empty() ? 0 : legend_line * static_cast<double>(drawing_.networks.size() + 1);
    const double width =
        std::max({layout_.width, text_width(drawing_.title, name_character * 1.3), widest_legend()}) + 2 * margin;
    const double height = layout_.height + heading + legend + 2 * margin;
    std::string out = R"(<svg xmlns="http://www.w3.org/2000/svg" role="img")" + attribute("width", width) +
                      attribute("height", height) + " viewBox=\"0 0 " + number(width) + " " + number(height) + "\">\n";
    out += "  <title>" + escaped(drawing_.title) + "</title>\n" + style;
    out += "  <rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n";
    out += "  " + text_at("title", margin, margin + 14, drawing_.title);
    out += "  <g transform=\"translate(" + number(margin) + " " + number(margin + heading) + ")\">\n";
    for (std::size_t i = 0; i < drawing_.arrows.size(); ++i) out += line(i);
    for (std::size_t i = 0; i < drawing_.arrows.size(); ++i) out += label(i);
    for (std::size_t i = 0; i < drawing_.nodes.size(); ++i) out += node(i);
    out += legend_at(layout_.height + margin);
    return out + "  </g>\n</svg>\n";
  }

 private:
  static constexpr double line_height = 14;
  const Drawing& drawing_;
  std::vector<LayoutNode> nodes_;
  std::vector<LayoutEdge> edges_;
  Layout layout_;

  // --- sizes --------------------------------------------------------------------------------------------------------

  double chip_width(std::size_t network) const {
    return text_width(drawing_.networks[network].key, small_character) + 14;
  }

  double chips_width(const Drawing::Node& node) const {
    double width = 0;
    for (const auto network : node.networks) width += chip_width(network) + chip_gap;
    return std::max(0.0, width - chip_gap);
  }

  LayoutNode measured(const Drawing::Node& node) const {
    LayoutNode result;
    using Side = LayoutNode::Side;
    if (node.kind == Drawing::Kind::world || node.kind == Drawing::Kind::here) result.side = Side::left;
    if (node.kind == Drawing::Kind::internet || node.kind == Drawing::Kind::host) result.side = Side::right;
    if (node.kind == Drawing::Kind::other) result.side = is_target(node) ? Side::right : Side::left;
    result.width = std::max({96.0, text_width(node.name, name_character) + 28,
                             text_width(node.note, small_character) + 20, chips_width(node) + 20});
    result.height = name_height + (node.note.empty() ? 0 : note_height) + (node.networks.empty() ? 0 : chip_height + 4);
    return result;
  }

  bool is_target(const Drawing::Node& node) const {
    const auto index = static_cast<std::size_t>(&node - drawing_.nodes.data());
    return std::ranges::any_of(drawing_.arrows, [&](const Drawing::Arrow& arrow) { return arrow.to == index; });
  }

  static LayoutEdge measured(const Drawing::Arrow& arrow) {
    LayoutEdge edge{arrow.from, arrow.to, 0, 0, true};
    const auto lines = lines_of(arrow.label);
    for (const auto& text : lines)
      edge.label_width = std::max(edge.label_width, text_width(text, small_character) + 10);
    edge.label_height = static_cast<double>(lines.size()) * line_height + 2;
    return edge;
  }

  // --- parts --------------------------------------------------------------------------------------------------------

  std::string line(std::size_t index) const {
    const auto& arrow = drawing_.arrows[index];
    const auto& points = layout_.edges[index].points;
    if (points.empty()) return {};
    std::string path = "M" + number(points[0].x) + " " + number(points[0].y);
    for (std::size_t i = 1; i < points.size(); ++i) {
      const Point a = points[i - 1], b = points[i];
      if (a.y == b.y) {
        path += " L" + number(b.x) + " " + number(b.y);
        continue;
      }
      const double middle = (a.x + b.x) / 2;
      path += " C" + number(middle) + " " + number(a.y) + " " + number(middle) + " " + number(b.y) + " " + number(b.x) +
              " " + number(b.y);
    }
    const Point tip = points.back();
    const double back = points[points.size() - 2].x > tip.x || points.front().x > tip.x ? 9 : -9;
    std::string out = "    <g>" + (arrow.tip.empty() ? "" : "<title>" + escaped(arrow.tip) + "</title>");
    out += "<path class=\"line" + std::string(arrow.dashed ? " dashed" : "") + "\" d=\"" + path + "\"/>";
    out += "<path class=\"head\" d=\"M" + number(tip.x) + " " + number(tip.y) + " l" + number(back) +
           " -4.5 v9 z\"/></g>\n";
    return out;
  }

  std::string label(std::size_t index) const {
    const auto lines = lines_of(drawing_.arrows[index].label);
    if (lines.empty() || layout_.edges[index].points.empty()) return {};
    const Point centre = layout_.edges[index].label;
    std::string out = "    " + box("paper", centre, edges_[index].label_width, edges_[index].label_height, 3);
    double y = centre.y - edges_[index].label_height / 2 + 12;
    for (const auto& text : lines) {
      out += "    " + text_at("label", centre.x, y, text);
      y += line_height;
    }
    return out;
  }

  std::string node(std::size_t index) const {
    const auto& shown = drawing_.nodes[index];
    const Point centre = layout_.nodes[index];
    const LayoutNode& size = nodes_[index];
    const bool service = shown.kind == Drawing::Kind::service;
    std::string kind = service ? "service" : "outside";
    if (shown.kind == Drawing::Kind::here || shown.kind == Drawing::Kind::host) kind = "here";
    if (shown.kind == Drawing::Kind::other) kind = "other";
    std::string out = "    " + box(kind, centre, size.width, size.height, service ? 8 : name_height / 2);
    double y = centre.y - size.height / 2 + 25;
    out += "    " + text_at("name", centre.x, y, shown.name);
    y += note_height;
    if (!shown.note.empty()) out += "    " + text_at("note", centre.x, y, shown.note);
    double x = centre.x - chips_width(shown) / 2;
    for (const auto network : shown.networks) {
      out += chip(network, x, centre.y + size.height / 2 - chip_height - 4);
      x += chip_width(network) + chip_gap;
    }
    return out;
  }

  std::string chip(std::size_t network, double x, double y) const {
    const double width = chip_width(network);
    std::string out = "    <rect fill=\"" + std::string(hues[network % hues.size()]) + "\"" + attribute("x", x) +
                      attribute("y", y) + attribute("width", width) + attribute("height", 16) + " rx=\"8\"/>\n";
    return out + "    " + text_at("chip", x + width / 2, y + 12, drawing_.networks[network].key);
  }

  static constexpr const char* about_networks = "Services of a network reach each other on all ports:";
  static std::string about(const Drawing::Network& network) {
    return network.internal ? "internal: no internet" : "with internet";
  }
  double widest_legend() const {
    double width = drawing_.networks.empty() ? 0 : text_width(about_networks, small_character);
    for (std::size_t i = 0; i < drawing_.networks.size(); ++i)
      width = std::max(width, chip_width(i) + 8 + text_width(about(drawing_.networks[i]), small_character));
    return width;
  }
  std::string legend_at(double y) const {
    if (drawing_.networks.empty()) return {};
    std::string out = "    " + text_at("legend", 0, y + 12, about_networks);
    for (std::size_t i = 0; i < drawing_.networks.size(); ++i) {
      y += legend_line;
      out += chip(i, 0, y);
      out += "    " + text_at("legend", chip_width(i) + 8, y + 12, about(drawing_.networks[i]));
    }
    return out;
  }
};

}  // namespace

std::string to_svg(const Drawing& drawing) { return Picture(drawing).svg(); }

}  // namespace conductor::compose
