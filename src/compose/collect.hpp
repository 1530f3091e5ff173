// One value of each item, as a list.
#pragma once

#include <functional>
#include <vector>

namespace conductor::compose {

template <class Range, class Projection>
auto collect(const Range& range, Projection projection) {
  std::vector<std::remove_cvref_t<std::invoke_result_t<Projection&, decltype(*range.begin())>>> values;
  values.reserve(range.size());
  for (const auto& item : range) values.push_back(std::invoke(projection, item));
  return values;
}

}  // namespace conductor::compose
