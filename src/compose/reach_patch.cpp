#include "compose/reach_patch.hpp"

#include <algorithm>

namespace conductor::compose {
namespace {

using Lines = std::vector<std::string_view>;

constexpr std::size_t context = 3;

// With their line ends; the last one may have none.
Lines lines_of(std::string_view text) {
  Lines lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size() - 1) + 1;
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return lines;
}

// Lines `before` and `after` that stand for each other: the first of each run of changes and what they become.
struct Change {
  std::size_t before = 0, removed = 0;
  std::size_t after = 0, added = 0;
};

// The nearest pair of equal lines behind both places ends a change. Edits are small and far apart, so that looking
// ahead a little further each time finds it soon.
Change next_change(const Lines& before, const Lines& after, std::size_t i, std::size_t j) {
  for (std::size_t distance = 1; i + distance <= before.size() || j + distance <= after.size(); ++distance)
    for (std::size_t removed = 0; removed <= distance; ++removed) {
      const auto added = distance - removed;
      const bool inside = i + removed < before.size() && j + added < after.size();
      if (inside && before[i + removed] == after[j + added]) return {i, removed, j, added};
    }
  return {i, before.size() - i, j, after.size() - j};
}

std::vector<Change> changes_of(const Lines& before, const Lines& after) {
  std::vector<Change> changes;
  std::size_t i = 0, j = 0;
  while (i < before.size() || j < after.size()) {
    if (i < before.size() && j < after.size() && before[i] == after[j]) {
      ++i, ++j;
      continue;
    }
    changes.push_back(next_change(before, after, i, j));
    i += changes.back().removed;
    j += changes.back().added;
  }
  return changes;
}

std::string line(char sign, std::string_view text) {
  std::string result = sign + std::string(text);
  if (!text.ends_with('\n')) result += "\n\\ No newline at end of file\n";
  return result;
}

// "start,count" as diff counts: from 1, but the line before when there is none.
std::string range(std::size_t start, std::size_t count) {
  return std::to_string(count == 0 ? start : start + 1) + "," + std::to_string(count);
}

// Changes [first, end) with less than twice the context between them.
std::string hunk(const Lines& before, const Lines& after, const std::vector<Change>& changes, std::size_t first,
                 std::size_t end) {
  const auto lead = std::min(context, changes[first].before);
  const auto& last = changes[end - 1];
  const auto stop = std::min(before.size(), last.before + last.removed + context);
  std::size_t at = changes[first].before - lead;
  const auto from = at, to = changes[first].after - lead;
  std::string body;
  for (auto i = first; i < end; ++i) {
    for (; at < changes[i].before; ++at) body += line(' ', before[at]);
    for (; at < changes[i].before + changes[i].removed; ++at) body += line('-', before[at]);
    for (std::size_t k = 0; k < changes[i].added; ++k) body += line('+', after[changes[i].after + k]);
  }
  for (; at < stop; ++at) body += line(' ', before[at]);
  const auto added = last.after + last.added + (stop - last.before - last.removed) - to;
  return "@@ -" + range(from, stop - from) + " +" + range(to, added) + " @@\n" + body;
}

}  // namespace

std::string edited(std::string_view text, std::vector<Edit> edits) {
  std::ranges::stable_sort(edits, {}, &Edit::offset);
  std::string result;
  std::size_t at = 0;
  for (const auto& edit : edits) {
    result += text.substr(at, edit.offset - at);
    result += edit.text;
    at = edit.offset + edit.length;
  }
  return result.append(text.substr(at));
}

std::string unified_diff(std::string_view before, std::string_view after, const std::string& name) {
  const Lines old_lines = lines_of(before), new_lines = lines_of(after);
  const auto changes = changes_of(old_lines, new_lines);
  if (changes.empty()) return {};
  std::string diff = "--- " + name + "\n+++ " + name + "\n";
  for (std::size_t first = 0; first < changes.size();) {
    auto end = first + 1;
    while (end < changes.size() &&
           changes[end].before - changes[end - 1].before - changes[end - 1].removed <= 2 * context)
      ++end;
    diff += hunk(old_lines, new_lines, changes, first, end);
    first = end;
  }
  return diff;
}

}  // namespace conductor::compose
