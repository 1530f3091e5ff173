// A text with some of its characters replaced, and that as a unified diff. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace conductor::compose {

// `length` bytes at `offset` become `text`.
struct Edit {
  std::size_t offset = 0;
  std::size_t length = 0;
  std::string text;
};

// Edits do not overlap; those at one place apply in the order given.
std::string edited(std::string_view text, std::vector<Edit> edits);

// From `before` to `after`, with three lines of context, as patch(1) takes it with -p0; empty when they are the same.
// `name` must be relative, or patch refuses it.
std::string unified_diff(std::string_view before, std::string_view after, const std::string& name);

}  // namespace conductor::compose
