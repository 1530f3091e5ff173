#include "compose/reach_layout.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace conductor::compose {
namespace {

constexpr double gap = 14;     // between things one above the other
constexpr double gutter = 26;  // between columns, where lines bend
constexpr double spread = 9;   // between arrows at one side of a box
constexpr double thread = 16;  // height of a line that passes a column
constexpr int sweeps = 24;

// Something in a column: a box, a label, or a line that passes through.
struct Item {
  double width = 0, height = thread;
  double y = 0;                          // centre
  std::vector<std::size_t> left, right;  // items of the neighbouring columns it is joined with
};

class Layers {
 public:
  Layers(const std::vector<LayoutNode>& nodes, const std::vector<LayoutEdge>& edges) : nodes_(nodes), edges_(edges) {
    reverse_cycles();
    assign_layers();
    make_items();
  }

  Layout lay_out() {
    order();
    place_vertically();
    place_horizontally();
    return result();
  }

 private:
  const std::vector<LayoutNode>& nodes_;
  const std::vector<LayoutEdge>& edges_;
  std::vector<bool> reversed_;                     // edges that point left
  std::vector<std::size_t> layer_;                 // of nodes
  std::vector<Item> items_;                        // nodes first, with their indices
  std::vector<std::vector<std::size_t>> columns_;  // 2 × layer; labels between
  std::vector<std::vector<std::size_t>> chains_;   // of each edge: its items from left to right
  std::vector<std::size_t> labelled_;              // of each edge: the item that is its label
  std::vector<double> x_;                          // of columns: left border
  std::vector<double> widths_;

  std::size_t left_end(std::size_t edge) const { return reversed_[edge] ? edges_[edge].to : edges_[edge].from; }
  std::size_t right_end(std::size_t edge) const { return reversed_[edge] ? edges_[edge].from : edges_[edge].to; }

  // --- layers -------------------------------------------------------------------------------------------------------

  // An edge back to a node that a depth-first walk is within is turned round.
  void reverse_cycles() {
    reversed_.assign(edges_.size(), false);
    std::vector<int> state(nodes_.size(), 0);
    for (std::size_t node = 0; node < nodes_.size(); ++node) walk(node, state);
  }

  void walk(std::size_t node, std::vector<int>& state) {
    if (state[node] != 0) return;
    state[node] = 1;
    for (std::size_t i = 0; i < edges_.size(); ++i) {
      if (edges_[i].from != node || edges_[i].to == node) continue;
      if (state[edges_[i].to] == 1)
        reversed_[i] = true;
      else
        walk(edges_[i].to, state);
    }
    state[node] = 2;
  }

  // The longest way from the left; then right-hand nodes behind all others.
  void assign_layers() {
    const bool has_left =
        std::ranges::any_of(nodes_, [](const LayoutNode& n) { return n.side == LayoutNode::Side::left; });
    layer_.assign(nodes_.size(), has_left ? 1 : 0);
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      if (nodes_[i].side == LayoutNode::Side::left) layer_[i] = 0;
    for (std::size_t round = 0; round < nodes_.size(); ++round)
      for (std::size_t i = 0; i < edges_.size(); ++i) {
        const auto left = left_end(i), right = right_end(i);
        if (left != right) layer_[right] = std::max(layer_[right], layer_[left] + 1);
      }
    std::size_t last = 0;
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      if (nodes_[i].side != LayoutNode::Side::right) last = std::max(last, layer_[i]);
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      if (nodes_[i].side == LayoutNode::Side::right) layer_[i] = last + 1;
  }

  void make_items() {
    const std::size_t layers = nodes_.empty() ? 0 : *std::ranges::max_element(layer_) + 1;
    columns_.resize(layers == 0 ? 0 : 2 * layers - 1);
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      items_.push_back({nodes_[i].width, nodes_[i].height, 0, {}, {}});
      columns_[2 * layer_[i]].push_back(i);
    }
    chains_.resize(edges_.size());
    labelled_.assign(edges_.size(), 0);
    for (std::size_t i = 0; i < edges_.size(); ++i)
      if (edges_[i].drawn && edges_[i].from != edges_[i].to) make_chain(i);
  }

  // One item in each column between the ends. The label is where the arrow begins, or, from the left-hand nodes, where
  // it ends: they have many.
  void make_chain(std::size_t edge) {
    const auto left = left_end(edge), right = right_end(edge);
    const auto first = 2 * layer_[left] + 1, end = 2 * layer_[right];
    const bool late = nodes_[left].side == LayoutNode::Side::left || reversed_[edge];
    auto& chain = chains_[edge];
    chain.push_back(left);
    for (auto column = first; column < end; ++column) {
      Item item;
      if (edges_[edge].label_width > 0 && column == (late ? end - 1 : first)) {
        item.width = edges_[edge].label_width;
        item.height = edges_[edge].label_height;
        labelled_[edge] = items_.size();
      }
      chain.push_back(items_.size());
      columns_[column].push_back(items_.size());
      items_.push_back(item);
    }
    chain.push_back(right);
    for (std::size_t i = 1; i < chain.size(); ++i) {
      items_[chain[i - 1]].right.push_back(chain[i]);
      items_[chain[i]].left.push_back(chain[i - 1]);
    }
  }

  // --- order within columns: as near to the neighbours as they are to theirs; the one with fewest crossings wins
  // ------

  void order() {
    for (auto& column : columns_) stack(column);
    auto best = columns_;
    auto fewest = crossings();
    for (int sweep = 0; sweep < sweeps && fewest > 0; ++sweep) {
      sort_all(sweep % 2 == 0);
      if (const auto now = crossings(); now < fewest) {
        fewest = now;
        best = columns_;
      }
    }
    columns_ = best;
    for (auto& column : columns_) stack(column);
  }

  // In their order from the top; centres around 0.
  void stack(const std::vector<std::size_t>& column) {
    double height = -gap;
    for (const auto item : column) height += items_[item].height + gap;
    double y = -height / 2;
    for (const auto item : column) {
      items_[item].y = y + items_[item].height / 2;
      y += items_[item].height + gap;
    }
  }

  double mean(const std::vector<std::size_t>& neighbours, double otherwise) const {
    if (neighbours.empty()) return otherwise;
    double sum = 0;
    for (const auto item : neighbours) sum += items_[item].y;
    return sum / static_cast<double>(neighbours.size());
  }

  void sort_all(bool rightwards) {
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      auto& column = columns_[rightwards ? i : columns_.size() - 1 - i];
      std::map<std::size_t, double> wanted;
      for (const auto item : column)
        wanted[item] = mean(rightwards ? items_[item].left : items_[item].right, items_[item].y);
      std::ranges::stable_sort(column, {}, [&](std::size_t item) { return wanted.at(item); });
      stack(column);
    }
  }

  std::size_t crossings() const {
    std::size_t count = 0;
    for (const auto& column : columns_) {
      std::vector<std::pair<double, double>> lines;
      for (const auto item : column)
        for (const auto right : items_[item].right) lines.emplace_back(items_[item].y, items_[right].y);
      for (std::size_t i = 0; i < lines.size(); ++i)
        for (std::size_t j = 0; j < i; ++j)
          if ((lines[i].first - lines[j].first) * (lines[i].second - lines[j].second) < 0) ++count;
    }
    return count;
  }

  // --- coordinates --------------------------------------------------------------------------------------------------

  void place_vertically() {
    for (int sweep = 0; sweep < sweeps; ++sweep)
      for (std::size_t i = 0; i < columns_.size(); ++i)
        settle(columns_[sweep % 2 == 0 ? i : columns_.size() - 1 - i], sweep);
    double top = 0;
    for (const auto& item : items_) top = std::min(top, item.y - item.height / 2);
    for (auto& item : items_) item.y -= top;
  }

  // Towards the neighbours of one side, at last of both, without changing the order or coming too near.
  void settle(const std::vector<std::size_t>& column, int sweep) {
    std::vector<double> wanted;
    double offset = 0;
    std::vector<double> offsets;
    for (std::size_t i = 0; i < column.size(); ++i) {
      const Item& item = items_[column[i]];
      if (i > 0) offset += (items_[column[i - 1]].height + item.height) / 2 + gap;
      offsets.push_back(offset);
      std::vector<std::size_t> near = sweep % 2 == 0 ? item.left : item.right;
      if (near.empty() || sweep >= sweeps - 4) {
        near = item.left;
        near.insert(near.end(), item.right.begin(), item.right.end());
      }
      wanted.push_back(mean(near, item.y) - offset);
    }
    const auto settled = nearest_in_order(wanted);
    for (std::size_t i = 0; i < column.size(); ++i) items_[column[i]].y = settled[i] + offsets[i];
  }

  void place_horizontally() {
    double x = 0;
    for (const auto& column : columns_) {
      double width = 0;
      for (const auto item : column) width = std::max(width, items_[item].width);
      x_.push_back(x);
      widths_.push_back(width);
      x += width + gutter;
    }
  }

  std::size_t column_of(std::size_t item) const {
    for (std::size_t i = 0; i < columns_.size(); ++i)
      if (std::ranges::find(columns_[i], item) != columns_[i].end()) return i;
    return 0;
  }

  // Where on the side of a box a line ends: lines in the order of what they lead to.
  double port(std::size_t node, std::size_t neighbour, bool right) const {
    auto around = right ? items_[node].right : items_[node].left;
    std::ranges::stable_sort(around, {}, [&](std::size_t item) { return items_[item].y; });
    const auto place = static_cast<double>(std::ranges::find(around, neighbour) - around.begin());
    const auto count = static_cast<double>(around.size());
    const double step = std::min(spread, (items_[node].height - 14) / std::max(count, 1.0));
    return items_[node].y + (place - (count - 1) / 2) * step;
  }

  Layout::Edge path(std::size_t edge) const {
    Layout::Edge drawn;
    const auto& chain = chains_[edge];
    if (chain.empty()) return drawn;
    const auto first = column_of(chain.front()), last = column_of(chain.back());
    const double start = x_[first] + widths_[first] / 2 + items_[chain.front()].width / 2;
    drawn.points.push_back({start, port(chain.front(), chain[1], true)});
    drawn.points.push_back({x_[first] + widths_[first], drawn.points.front().y});
    for (std::size_t i = 1; i + 1 < chain.size(); ++i) {
      const auto column = first + i;
      drawn.points.push_back({x_[column], items_[chain[i]].y});
      drawn.points.push_back({x_[column] + widths_[column], items_[chain[i]].y});
      if (chain[i] == labelled_[edge]) drawn.label = {x_[column] + widths_[column] / 2, items_[chain[i]].y};
    }
    const double y = port(chain.back(), chain[chain.size() - 2], false);
    drawn.points.push_back({x_[last], y});
    drawn.points.push_back({x_[last] + widths_[last] / 2 - items_[chain.back()].width / 2, y});
    if (reversed_[edge]) std::ranges::reverse(drawn.points);
    return drawn;
  }

  Layout result() const {
    Layout layout;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const auto column = 2 * layer_[i];
      layout.nodes.push_back({x_[column] + widths_[column] / 2, items_[i].y});
    }
    for (std::size_t i = 0; i < edges_.size(); ++i) layout.edges.push_back(path(i));
    for (const auto& item : items_) layout.height = std::max(layout.height, item.y + item.height / 2);
    if (!x_.empty()) layout.width = x_.back() + widths_.back();
    return layout;
  }
};

}  // namespace

std::vector<double> nearest_in_order(const std::vector<double>& wanted) {
  struct Block {
    double mean = 0;
    std::size_t size = 0;
  };
  std::vector<Block> blocks;
  for (const double value : wanted) {
    blocks.push_back({value, 1});
    while (blocks.size() > 1 && blocks[blocks.size() - 2].mean > blocks.back().mean) {
      const Block last = blocks.back();
      blocks.pop_back();
      Block& into = blocks.back();
      into.mean = (into.mean * static_cast<double>(into.size) + last.mean * static_cast<double>(last.size)) /
                  static_cast<double>(into.size + last.size);
      into.size += last.size;
    }
  }
  std::vector<double> result;
  for (const auto& block : blocks) result.insert(result.end(), block.size, block.mean);
  return result;
}

Layout lay_out(const std::vector<LayoutNode>& nodes, const std::vector<LayoutEdge>& edges) {
  return Layers(nodes, edges).lay_out();
}

}  // namespace conductor::compose
