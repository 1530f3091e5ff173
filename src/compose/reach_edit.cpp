// Proposals as changes of a YAML text that touch nothing else. Where the text is changed is found from the places of
// the keys; that the right thing was changed is known from reading the result again.
#include "base/text.hpp"
#include "compose/reach_patch.hpp"
#include "compose/reach_tighten.hpp"
#include "parser/yaml_tree.hpp"

#include <algorithm>

namespace conductor::compose {
namespace {

using parser::YamlEntry;
using parser::YamlNode;
using Kind = YamlNode::Kind;

[[noreturn]] void cannot(const base::Position& position, const std::string& why) {
  throw base::Error(base::to_text(position) + ": " + why).with_hint("write it by hand");
}

std::string in_quotes(const std::string& word) { return "\"" + word + "\""; }

std::string flow_list(const std::vector<std::string>& words) {
  std::vector<std::string> items;
  for (const auto& word : words) items.push_back(in_quotes(word));
  return "[" + base::join(items, ", ") + "]";
}

YamlNode scalar(const std::string& text, bool plain) {
  YamlNode node;
  node.kind = Kind::scalar;
  node.text = text;
  node.plain = plain;
  return node;
}

YamlNode list_of(const std::vector<std::string>& words) {
  YamlNode node;
  node.kind = Kind::list;
  for (const auto& word : words) node.items.push_back(scalar(word, false));
  return node;
}

YamlEntry* find_entry(YamlNode& map, std::string_view key) {
  const auto found = std::ranges::find(map.entries, key, &YamlEntry::key);
  return found == map.entries.end() ? nullptr : &*found;
}

// The same values under the same keys, whatever their order and place.
bool same(const YamlNode& one, const YamlNode& other) {
  if (one.kind != other.kind || one.text != other.text || one.plain != other.plain) return false;
  if (!std::ranges::equal(one.items, other.items, same)) return false;
  return one.entries.size() == other.entries.size() && std::ranges::all_of(one.entries, [&](const YamlEntry& entry) {
           const auto* found = other.find(entry.key);
           return found != nullptr && same(entry.value, *found);
         });
}

// --- places in the text -------------------------------------------------------------------------------------------

class Text {
 public:
  explicit Text(std::string_view text) : text_(text) {
    for (std::size_t at = 0; at < text.size(); ++at)
      if (at == 0 || text[at - 1] == '\n') starts_.push_back(at);
    if (text.find("\r\n") != std::string_view::npos) line_end_ = "\r\n";
  }

  const std::string& line_end() const { return line_end_; }
  char at(std::size_t offset) const { return offset < text_.size() ? text_[offset] : '\0'; }

  std::size_t offset(const base::Position& position) const {
    const auto line = static_cast<std::size_t>(position.line);
    if (line == 0 || line > starts_.size() || position.column < 1) cannot(position, "no such place in the file");
    return std::min(text_.size(), starts_[line - 1] + static_cast<std::size_t>(position.column) - 1);
  }

  // Where the line begins that comes after the last one of an entry whose key is at `position`: the last one that is
  // further in, or a list's at the same depth. Comments and empty lines behind it belong to what follows.
  std::size_t end_of_block(const base::Position& position) const {
    const auto depth = static_cast<std::size_t>(position.column) - 1;
    auto line = static_cast<std::size_t>(position.line);  // the next one, counted from 0
    auto end = line;
    for (; line < starts_.size(); ++line) {
      const auto content = content_of(line);
      if (content.empty()) continue;
      const auto indent = starts_of_content(line);
      if (indent <= depth && content.front() == '#') continue;
      const bool continues = indent > depth || (indent == depth && (content.starts_with("- ") || content == "-" ||
                                                                    content.front() == ']' || content.front() == '}'));
      if (!continues) break;
      end = line + 1;
    }
    return end < starts_.size() ? starts_[end] : text_.size();
  }

  // A whole line to be put at the beginning of another, or behind the last one.
  Edit new_line(std::size_t offset, const std::string& line) const {
    const bool unfinished = offset == text_.size() && !text_.empty() && text_.back() != '\n';
    return {offset, 0, unfinished ? line_end_ + line : line + line_end_};
  }

  // Of a flow list or map that begins at `offset`: where it closes. Quotes and comments are stepped over.
  std::size_t closing(std::size_t offset) const {
    std::size_t depth = 0;
    for (auto at = offset; at < text_.size(); ++at) {
      const char c = text_[at];
      if (c == '"' || c == '\'')
        at = end_of_quotes(at) - 1;
      else if (c == '#' && std::string_view(" \t\n").find(text_[at - 1]) != std::string_view::npos)
        at = std::min(text_.find('\n', at), text_.size());
      else if (c == '[' || c == '{')
        ++depth;
      else if ((c == ']' || c == '}') && --depth == 0)
        return at;
    }
    return text_.size();
  }

  // Puts an item into a flow list or map, behind the others.
  Edit new_item(std::size_t opening, const std::string& item) const {
    auto at = closing(opening);
    while (at > opening + 1 && std::string_view(" \t\r\n").find(text_[at - 1]) != std::string_view::npos) --at;
    if (at == opening + 1) return {at, 0, item};
    return {at, 0, text_[at - 1] == ',' ? " " + item : ", " + item};
  }

  // The characters of a scalar that stands on one line.
  Edit new_scalar(const YamlNode& node, const std::string& word) const {
    const auto begin = offset(node.position);
    if (at(begin) == '"' || at(begin) == '\'') return {begin, end_of_quotes(begin) - begin, word};
    if (text_.substr(begin, node.text.size()) != node.text) cannot(node.position, "this form cannot be changed");
    return {begin, node.text.size(), word};
  }

  // The dash of a list's item, with what stands before it on its line.
  std::string dash_before(const base::Position& item) const {
    const auto begin = starts_[static_cast<std::size_t>(item.line) - 1];
    const auto before = text_.substr(begin, offset(item) - begin);
    const auto dash = before.rfind('-');
    if (dash == std::string_view::npos || !base::trim(before.substr(0, dash)).empty())
      cannot(item, "this list cannot be changed");
    return std::string(before.substr(0, dash + 1)) + " ";
  }

  // Behind the colon of a key without a value.
  std::size_t behind_colon(const base::Position& key) const {
    const auto colon = text_.find(':', offset(key));
    return colon == std::string_view::npos ? text_.size() : colon + 1;
  }

 private:
  std::string_view text_;
  std::vector<std::size_t> starts_;  // of lines
  std::string line_end_ = "\n";

  std::string_view content_of(std::size_t line) const {
    const auto end = line + 1 < starts_.size() ? starts_[line + 1] : text_.size();
    return base::trim(text_.substr(starts_[line], end - starts_[line]));
  }
  std::size_t starts_of_content(std::size_t line) const {
    return text_.find_first_not_of(' ', starts_[line]) - starts_[line];
  }
  std::size_t end_of_quotes(std::size_t begin) const {
    const char quote = text_[begin];
    for (auto at = begin + 1; at < text_.size(); ++at) {
      if (quote == '"' && text_[at] == '\\')
        ++at;
      else if (text_[at] == quote && quote == '\'' && this->at(at + 1) == quote)
        ++at;
      else if (text_[at] == quote)
        return at + 1;
    }
    return text_.size();
  }
};

// --- changes, of the text and of what it says -----------------------------------------------------------------------

class Editor {
 public:
  Editor(const Project& project, const YamlNode& root) : text_(project.text), says_(root) {
    spelling_ = project.path.substr(project.path.rfind('/') + 1).starts_with("conductor.") ? "" : "x-";
  }

  std::vector<Edit> edits;
  const YamlNode& says() const { return says_; }

  void isolate() {
    YamlEntry* extension = find_entry(says_, "x-conductor");
    if (extension == nullptr) {
      YamlNode value;
      value.kind = Kind::map;
      value.entries.push_back({"isolation", {}, scalar("strict", !is_json(says_)), false});
      const std::string written = is_json(says_) ? R"({"isolation": "strict"})" : "{isolation: strict}";
      return add_section("x-conductor", written, value);
    }
    if (YamlEntry* isolation = find_entry(extension->value, "isolation")) {
      const bool plain = isolation->value.plain;
      edits.push_back(text_.new_scalar(isolation->value, plain ? "strict" : in_quotes("strict")));
      isolation->value = scalar("strict", plain);
      return;
    }
    add_key(extension->value, "isolation", "strict", scalar("strict", true));
  }

  void apply(const Proposal& proposal) {
    YamlEntry* services = find_entry(says_, "services");
    YamlEntry* service = services == nullptr ? nullptr : find_entry(services->value, proposal.service);
    if (service == nullptr || service->merged || service->value.kind != Kind::map)
      cannot(services == nullptr ? base::Position{} : services->position,
             "service '" + proposal.service + "' is not written as a map of its own");
    if (text_.at(text_.offset(service->value.position)) == '*')
      cannot(service->position, "service '" + proposal.service + "' is an alias of another map");
    for (const auto& narrowed : proposal.narrowed) narrow(service->value, narrowed);
    if (!proposal.peers.empty()) add_peers(service->value, proposal.peers);
    if (proposal.internet) add_internet(service->value, proposal.seen_outside);
  }

 private:
  Text text_;
  YamlNode says_;         // as the file will be read
  std::string spelling_;  // of keys that other tools do not know, in files that other tools read

  bool is_flow(const YamlNode& node, char opening) const { return text_.at(text_.offset(node.position)) == opening; }

  // A map in one line whose keys are in quotes: other programs may read it as JSON.
  bool is_json(const YamlNode& map) const {
    return is_flow(map, '{') && !map.entries.empty() && text_.at(text_.offset(map.entries.front().position)) == '"';
  }

  // Before `services`, at its depth.
  void add_section(const std::string& key, const std::string& value, const YamlNode& node) {
    const YamlEntry* services = find_entry(says_, "services");
    if (services == nullptr || is_flow(says_, '{')) return add_key(says_, key, value, node);
    base::Position start = services->position;
    start.column = 1;
    const std::string indent(static_cast<std::size_t>(services->position.column) - 1, ' ');
    edits.push_back(text_.new_line(text_.offset(start), indent + key + ": " + value));
    says_.entries.push_back({key, {}, node, false});
  }

  // In a block behind depends_on, where it is written, else behind all other keys.
  void add_key(YamlNode& map, const std::string& key, const std::string& value, const YamlNode& node) {
    const YamlEntry* behind = nullptr;
    for (const auto& entry : map.entries) {
      if (entry.merged || entry.position.line == 0) continue;
      const bool later = behind == nullptr || entry.position.line > behind->position.line;
      if (entry.key == "depends_on" || (later && (behind == nullptr || behind->key != "depends_on"))) behind = &entry;
    }
    if (is_flow(map, '{')) {
      const std::string name = is_json(map) ? in_quotes(key) : key;
      edits.push_back(text_.new_item(text_.offset(map.position), name + ": " + value.substr(0, value.find("  #"))));
    } else {
      if (behind == nullptr) cannot(map.position, "'" + key + "' has no place here");
      const std::string indent(static_cast<std::size_t>(behind->position.column) - 1, ' ');
      edits.push_back(text_.new_line(text_.end_of_block(behind->position), indent + key + ": " + value));
    }
    map.entries.push_back({key, {}, node, false});
  }

  void narrow(YamlNode& service, const Proposal::Narrowed& narrowed) {
    for (const auto* key : {"peers", "x-peers", "links"})
      if (YamlEntry* list = find_entry(service, key))
        for (auto& item : list->value.items) {
          if (item.position != narrowed.place) continue;
          if (item.kind != Kind::scalar)
            cannot(item.position, "its ports are to be narrowed: " + in_quotes(narrowed.text));
          edits.push_back(text_.new_scalar(item, in_quotes(narrowed.text)));
          item = scalar(narrowed.text, false);
          return;
        }
    cannot(narrowed.place, "'" + narrowed.peer + "' is not written here");
  }

  void add_peers(YamlNode& service, const std::vector<std::string>& peers) {
    YamlEntry* entry = nullptr;
    for (const auto* key : {"peers", "x-peers"})
      if (entry == nullptr) entry = find_entry(service, key);
    if (entry == nullptr) return add_key(service, spelling_ + "peers", flow_list(peers), list_of(peers));
    if (entry->merged) cannot(entry->position, "the peers of several services are written here");
    YamlNode& list = entry->value;
    if (list.kind == Kind::null)
      edits.push_back({text_.behind_colon(entry->position), 0, " " + flow_list(peers)});
    else if (is_flow(list, '['))
      for (const auto& peer : peers) add_item(list, peer);
    else
      add_lines(*entry, peers);
    list.kind = Kind::list;
    for (const auto& peer : peers) list.items.push_back(scalar(peer, false));
  }

  // Several items at one place follow each other there.
  void add_item(const YamlNode& list, const std::string& peer) {
    Edit edit = text_.new_item(text_.offset(list.position), in_quotes(peer));
    const bool second = !edits.empty() && edits.back().offset == edit.offset;
    if (second) edit.text = ", " + in_quotes(peer);
    edits.push_back(edit);
  }

  void add_lines(const YamlEntry& entry, const std::vector<std::string>& peers) {
    if (entry.value.items.empty() || text_.at(text_.offset(entry.value.position)) == '*')
      cannot(entry.position, "this list cannot be changed");
    const std::string dash = text_.dash_before(entry.value.items.front().position);
    const auto end = text_.end_of_block(entry.position);
    for (const auto& peer : peers) edits.push_back(text_.new_line(end, dash + in_quotes(peer)));
  }

  void add_internet(YamlNode& service, const std::vector<std::string>& seen) {
    constexpr std::size_t most_shown = 4;
    std::vector<std::string> shown = seen;
    if (shown.size() > most_shown) {
      shown.resize(most_shown);
      shown.emplace_back("…");
    }
    add_key(service, spelling_ + "internet", "true  # seen: " + base::join(shown, ", "), scalar("true", true));
  }
};

YamlNode read(const std::string& text, const std::string& file) {
  parser::Diagnostics mistakes(text);
  YamlNode root = parser::parse_yaml(text, file, mistakes);
  mistakes.finish();
  return root;
}

}  // namespace

std::string to_patch(const Project& project, const Proposals& proposals, const std::string& name) {
  Editor editor(project, read(project.text, project.file));
  if (proposals.isolate) editor.isolate();
  for (const auto& proposal : proposals.services) editor.apply(proposal);
  const std::string after = edited(project.text, editor.edits);
  bool safe = false;
  try {
    safe = same(read(after, project.file), editor.says());
  } catch (const base::Error&) {
    safe = false;  // what has become of it is not even YAML
  }
  if (!safe) throw base::Error(project.file + " is laid out in a way that cannot be changed safely");
  return unified_diff(project.text, after, name);
}

}  // namespace conductor::compose
