// Where the boxes, labels and arrows of a drawing lie: layers from left to right, after Sugiyama, Tagawa and Toda
// (Methods for visual understanding of hierarchical system structures, 1981). Pure and deterministic.
#pragma once

#include <cstddef>
#include <vector>

namespace conductor::compose {

// In: sizes in pixels and who is joined with whom. Between two layers an arrow runs through a column of labels, so that
// no line crosses a box and no label lies on another.
struct LayoutNode {
  enum class Side { left, middle, right } side = Side::middle;  // left and right: the outermost layers
  double width = 0, height = 0;
};
struct LayoutEdge {
  std::size_t from = 0, to = 0;
  double label_width = 0, label_height = 0;  // 0: no label
  bool drawn = true;                         // false: it only says which node is further right
};

// Out: centres of boxes and labels, and the points an arrow passes, in its own direction, each level at its point.
struct Point {
  double x = 0, y = 0;
};
struct Layout {
  struct Edge {
    std::vector<Point> points;  // first and last at the sides of boxes; pairs between them enter and leave a column
    Point label;                // centre
  };
  std::vector<Point> nodes;
  std::vector<Edge> edges;  // empty points for those that are not drawn
  double width = 0, height = 0;
};
Layout lay_out(const std::vector<LayoutNode>& nodes, const std::vector<LayoutEdge>& edges);

// The non-decreasing positions nearest to `wanted` (least squares; pool adjacent violators).
std::vector<double> nearest_in_order(const std::vector<double>& wanted);

}  // namespace conductor::compose
