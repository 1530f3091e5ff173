#include "parser/yaml_tree.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <istream>
#include <map>
#include <memory>
#include <optional>
#include <streambuf>
#include <unordered_set>

namespace conductor::parser {
namespace {

// Reading stops: the document is too large, or no YAML.
struct Stop {
  base::Position position;
  std::string message;
  std::string hint;
};

struct Size {
  std::size_t nodes = 0;
  std::size_t bytes = 0;
  std::size_t depth = 0;
};

// An anchored node; incomplete while it is open, so that an alias inside it is a cycle.
struct Anchor {
  YamlNode node;
  Size size;
  bool complete = false;
};

// Takes the parser's events, which name anchors by number and give each alias its own place.
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(const std::string& file, Diagnostics& diagnostics, const YamlLimits& limits)
      : file_(file), diagnostics_(diagnostics), limits_(limits) {}

  YamlNode take() { return std::move(root_); }
  // Where the last scalar begins, when it is in quotes.
  std::optional<YAML::Mark> last_quoted() const { return last_quoted_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (std::exchange(seen_, true)) throw Stop{place(mark), "a second document begins here", "expected one document"};
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { add(null_at(mark), {1, 0, 1}, anchor); }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    YamlNode node = null_at(mark);
    node.kind = YamlNode::Kind::scalar;
    node.text = value;
    node.plain = tag == "?";
    last_quoted_ = node.plain ? std::nullopt : std::optional(mark);
    constexpr std::string_view core = "tag:yaml.org,2002:";
    const std::string name = tag.starts_with(core) ? tag.substr(core.size()) : tag;
    if (name == "int" || name == "float" || name == "bool")
      node.plain = true;
    else if (name == "null")
      node = null_at(mark);
    else if (name != "?" && name != "!" && name != "str")
      unknown_tag(node.position, tag);
    const std::string_view text = node.text;
    if (node.plain && (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL"))
      node = null_at(mark);
    add(std::move(node), {1, value.size(), 1}, anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const Anchor& target = *anchors_.at(anchor);
    if (!target.complete)
      throw Stop{place(mark), "this alias lies in the node it stands for", "an alias cannot form a cycle"};
    if (++aliases_ > limits_.aliases) throw Stop{place(mark), "more than 1000 aliases", {}};
    check(target.size, place(mark));
    YamlNode copy = target.node;
    copy.position = place(mark);
    attach(std::move(copy), target.size, YAML::NullAnchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::list, mark, tag, "tag:yaml.org,2002:seq", anchor);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::map, mark, tag, "tag:yaml.org,2002:map", anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    YamlNode node;
    Size size{1, 0, 1};
    YAML::anchor_t anchor = 0;
    bool has_key = false;  // a map's key waits for its value
    YamlEntry entry;
    std::unordered_set<std::string> keys;
  };

  const std::string& file_;
  Diagnostics& diagnostics_;
  const YamlLimits& limits_;
  bool seen_ = false;
  YamlNode root_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, std::shared_ptr<Anchor>> anchors_;
  std::size_t nodes_ = 0;
  std::size_t bytes_ = 0;
  std::size_t aliases_ = 0;
  std::size_t kept_nodes_ = 0;
  std::size_t kept_bytes_ = 0;
  std::optional<YAML::Mark> last_quoted_;

  base::Position place(const YAML::Mark& mark) const { return {file_, mark.line + 1, mark.column + 1}; }

  YamlNode null_at(const YAML::Mark& mark) const {
    YamlNode node;
    node.position = place(mark);
    return node;
  }

  void unknown_tag(const base::Position& position, const std::string& tag) {
    diagnostics_.error(position, "tag " + show(tag) + " is not supported", "tags of YAML itself: !!str !!int !!bool …");
  }

  void check(const Size& size, const base::Position& position) {
    nodes_ += size.nodes;
    bytes_ += size.bytes;
    if (nodes_ > limits_.nodes)
      throw Stop{position, "more than " + std::to_string(limits_.nodes) + " nodes, aliases counted in full", {}};
    if (bytes_ > limits_.expanded_bytes) throw Stop{position, "more than 4 MiB of text, aliases counted in full", {}};
    if (open_.size() + size.depth > limits_.depth)
      throw Stop{position, "nested more than " + std::to_string(limits_.depth) + " levels deep", {}};
  }

  void open(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag, const char* own_tag,
            YAML::anchor_t anchor) {
    const auto position = place(mark);
    check({1, 0, 1}, position);
    if (tag != "?" && tag != "!" && !tag.empty() && tag != own_tag) unknown_tag(position, tag);
    if (anchor != YAML::NullAnchor) anchors_[anchor] = std::make_shared<Anchor>();
    Open& opened = open_.emplace_back();
    opened.node.kind = kind;
    opened.node.position = position;
    opened.anchor = anchor;
  }

  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    if (done.node.kind == YamlNode::Kind::map) merge(done.node);
    attach(std::move(done.node), done.size, done.anchor);
  }

  void add(YamlNode leaf, const Size& size, YAML::anchor_t anchor) {
    check(size, leaf.position);
    attach(std::move(leaf), size, anchor);
  }

  // An anchor's node is copied for its aliases; anchors around anchors must not multiply that.
  void keep(YAML::anchor_t anchor, const YamlNode& node, const Size& size) {
    kept_nodes_ += size.nodes;
    kept_bytes_ += size.bytes;
    if (kept_nodes_ > 2 * limits_.nodes || kept_bytes_ > limits_.expanded_bytes)
      throw Stop{node.position, "too much text in anchors within anchors", {}};
    anchors_[anchor] = std::make_shared<Anchor>(Anchor{node, size, true});
  }

  void attach(YamlNode node, const Size& size, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) keep(anchor, node, size);
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    parent.size.nodes += size.nodes;
    parent.size.bytes += size.bytes;
    parent.size.depth = std::max(parent.size.depth, size.depth + 1);
    if (parent.node.kind == YamlNode::Kind::list) {
      if (node.kind == YamlNode::Kind::null) node.position = parent.node.position;  // it has no place of its own
      parent.node.items.push_back(std::move(node));
    } else if (!std::exchange(parent.has_key, !parent.has_key)) {
      begin_entry(parent, std::move(node));
    } else {
      end_entry(parent, std::move(node));
    }
  }

  void begin_entry(Open& parent, YamlNode key) {
    if (key.kind != YamlNode::Kind::scalar) throw Stop{key.position, "a key must be a word", {}};
    const bool merge_key = key.plain && key.text == "<<";
    parent.entry = {std::move(key.text), std::move(key.position), {}, merge_key};
    if (!parent.keys.insert(parent.entry.key).second)
      diagnostics_.error(parent.entry.position, "key " + show(parent.entry.key) + " is written twice");
  }

  void end_entry(Open& parent, YamlNode value) {
    parent.entry.value = std::move(value);
    if (parent.entry.value.kind == YamlNode::Kind::null) parent.entry.value.position = parent.entry.position;
    parent.node.entries.push_back(std::move(parent.entry));
  }

  // `<<: map` or `<<: [map, …]` (YAML's "merge" type): a key of the map itself wins, then the earlier map of the list.
  void merge(YamlNode& map) {
    auto& entries = map.entries;
    const auto is_merge = [](const YamlEntry& entry) { return entry.merged && entry.key == "<<"; };
    const auto found = std::find_if(entries.begin(), entries.end(), is_merge);
    if (found == entries.end()) return;
    YamlEntry source = std::move(*found);
    const auto at = entries.erase(found) - entries.begin();
    std::unordered_set<std::string> keys;
    for (const auto& entry : entries) keys.insert(entry.key);
    std::vector<YamlEntry> added;
    const auto take = [&](YamlNode& node) {
      if (node.kind != YamlNode::Kind::map)
        return diagnostics_.error(node.position, "'<<' takes a map, or a list of maps", "for example <<: *name");
      for (auto& entry : node.entries) {
        if (!keys.insert(entry.key).second) continue;
        entry.merged = true;
        added.push_back(std::move(entry));
      }
    };
    if (source.value.kind == YamlNode::Kind::list)
      std::for_each(source.value.items.begin(), source.value.items.end(), take);
    else
      take(source.value);
    entries.insert(entries.begin() + at, std::make_move_iterator(added.begin()), std::make_move_iterator(added.end()));
  }
};

// A stream over bytes that stay where they are.
class ViewBuffer : public std::streambuf {
 public:
  explicit ViewBuffer(std::string_view text) {
    char* begin = const_cast<char*>(text.data());  // a get area is never written to
    setg(begin, begin, begin + text.size());
  }
};

// YAML forbids control characters; the library takes some for the end of the text.
bool is_text(std::string_view text, const std::string& file, Diagnostics& diagnostics) {
  int line = 1;
  std::size_t start = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == '\n') {
      ++line;
      start = i + 1;
    } else if ((byte < 0x20 && byte != '\t' && byte != '\r') || byte == 0x7f) {
      diagnostics.error({file, line, static_cast<int>(i - start) + 1}, "a control character is not allowed here",
                        "write it escaped, in double quotes");
      return false;
    }
  }
  return true;
}

// The library takes the end of the text for a closing quote. `text` begins with a scalar, or its tag and anchor.
bool lacks_closing_quote(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size() && text[at] != '"' && text[at] != '\'') {
    if (text[at] != '!' && text[at] != '&') return false;  // a block scalar
    at = std::min(text.find_first_of(" \t\r\n", at), text.size());
    at = std::min(text.find_first_not_of(" \t\r\n", at), text.size());
  }
  if (at == text.size()) return false;
  const char quote = text[at];
  for (++at; at < text.size(); ++at) {
    const bool pair = quote == '"' ? text[at] == '\\' : text.substr(at, 2) == "''";
    if (pair)
      ++at;
    else if (text[at] == quote)
      return false;
  }
  return true;
}

// What is probably meant by YAML that cannot be read.
std::string malformed_hint(std::string_view text, int line) {
  for (; line > 0; --line) text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  const auto blanks = text.substr(0, text.find_first_not_of(" \t"));
  return blanks.find('\t') == std::string_view::npos ? "" : "indent with blanks, not with tabs";
}

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const auto& entry) { return entry.key == key; });
  return found == entries.end() ? nullptr : &found->value;
}

YamlNode parse_yaml(std::string_view text, const std::string& file, Diagnostics& diagnostics,
                    const YamlLimits& limits) {
  if (text.size() > limits.bytes) {
    diagnostics.error({file, 0, 0}, "the file is longer than 1 MiB");
    return {};
  }
  if (!is_text(text, file, diagnostics)) return {};
  TreeBuilder builder(file, diagnostics, limits);
  try {
    ViewBuffer buffer(text);
    std::istream stream(&buffer);
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Stop& stop) {
    diagnostics.error(stop.position, stop.message, stop.hint);
    return {};
  } catch (const YAML::Exception& error) {
    const bool known = !error.mark.is_null();
    diagnostics.error({file, known ? error.mark.line + 1 : 0, known ? error.mark.column + 1 : 0},
                      "malformed YAML: " + error.msg, known ? malformed_hint(text, error.mark.line) : "");
    return {};
  }
  const auto last = builder.last_quoted();
  if (last && lacks_closing_quote(text.substr(std::min(static_cast<std::size_t>(last->pos), text.size()))))
    diagnostics.error({file, last->line + 1, last->column + 1}, "the quote is not closed");
  return builder.take();
}

}  // namespace conductor::parser
