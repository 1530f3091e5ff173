// A YAML document as a tree of ours: every key and value knows its place, aliases and merge keys (`<<`) are resolved,
// duplicate keys refused, and nothing is copied before its size is known. YAML 1.2 decides what a plain scalar is.
#pragma once

#include "base/source.hpp"
#include "parser/diagnostics.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace conductor::parser {

struct YamlEntry;

struct YamlNode {
  enum class Kind { null, scalar, list, map };
  Kind kind = Kind::null;
  std::string text;    // scalar
  bool plain = false;  // scalar without quotes and without !!str: may be a number or a boolean
  std::vector<YamlNode> items;
  std::vector<YamlEntry> entries;  // in the order written
  base::Position position;         // of an alias: where the alias stands; what lies below it stands at the anchor

  const YamlNode* find(std::string_view key) const;
};

struct YamlEntry {
  std::string key;
  base::Position position;
  YamlNode value;
  bool merged = false;  // came through `<<`
};

// Bounds, counted with every alias expanded and checked before anything is expanded.
struct YamlLimits {
  std::size_t bytes = 1U << 20U;
  std::size_t expanded_bytes = 4U << 20U;  // of all scalars
  std::size_t depth = 64;
  std::size_t nodes = 10'000;
  std::size_t aliases = 1'000;
};

// The only document of the text; an empty text is null. Mistakes are added to `diagnostics`; the tree up to the first
// one that stops reading is not returned.
YamlNode parse_yaml(std::string_view text, const std::string& file, Diagnostics& diagnostics,
                    const YamlLimits& limits = {});

}  // namespace conductor::parser
