#include "network/observed_table.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace conductor::network {

namespace {

constexpr std::string_view elements_start = "elements = {";

// The lines of a text, without the blanks around them and without empty ones.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}
  bool next(std::string_view& line) {
    while (!rest_.empty()) {
      const auto end = rest_.find('\n');
      line = base::trim(rest_.substr(0, end));
      rest_ = end == std::string_view::npos ? std::string_view() : rest_.substr(end + 1);
      if (!line.empty()) return true;
    }
    return false;
  }

 private:
  std::string_view rest_;
};

// What counts of an element is what it says, not for how much longer it lives or how often it was used.
std::string_view without_state(std::string_view element) {
  for (const std::string_view word : {" expires ", " counter "}) element = element.substr(0, element.find(word));
  return base::trim(element);
}

// Adds the elements of one line of the list, which ends with "}" at last. False: more lines follow.
bool add_elements(std::string_view line, std::set<std::string>& elements) {
  bool quoted = false;
  std::size_t start = 0;
  const auto note = [&](std::size_t end) {
    const auto element = without_state(line.substr(start, end - start));
    if (!element.empty()) elements.emplace(element);
    start = end + 1;
  };
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"') quoted = !quoted;
    if (quoted || (line[i] != ',' && line[i] != '}')) continue;
    note(i);
    if (line[i] == '}') return true;
  }
  note(line.size());
  return false;
}

ListedSet parse_set(Lines& lines) {
  ListedSet set;
  bool in_elements = false;
  for (std::string_view line; lines.next(line);) {
    if (!in_elements && line == "}") break;
    if (line.starts_with(elements_start)) {
      in_elements = true;
      line.remove_prefix(elements_start.size());
    }
    if (in_elements)
      in_elements = !add_elements(line, set.elements);
    else
      set.properties.emplace_back(line);
  }
  return set;
}

std::vector<std::string> parse_chain(Lines& lines) {
  std::vector<std::string> rules;
  for (std::string_view line; lines.next(line) && line != "}";) rules.emplace_back(line);
  return rules;
}

// "chain NAME {" → NAME; nothing for anything else.
std::string_view block_name(std::string_view line, std::string_view kind) {
  if (!line.starts_with(kind) || !line.ends_with(" {") || line.size() <= kind.size() + 2) return {};
  return base::trim(line.substr(kind.size(), line.size() - kind.size() - 2));
}

}  // namespace

ListedTable parse_table(std::string_view listing) {
  ListedTable table;
  Lines lines(listing);
  std::string_view line;
  lines.next(line);  // "table inet NAME {"
  while (lines.next(line)) {
    if (const auto chain = block_name(line, "chain "); !chain.empty())
      table.chains[std::string(chain)] = parse_chain(lines);
    else if (const auto set = block_name(line, "set "); !set.empty())
      table.sets[std::string(set)] = parse_set(lines);
    else if (const auto map = block_name(line, "map "); !map.empty())
      table.sets[std::string(map)] = parse_set(lines);
    else if (line != "}")
      table.others.emplace_back(line);
  }
  return table;
}

std::vector<std::string> element_fields(std::string_view element) {
  std::vector<std::string> fields;
  while (!element.empty()) {
    const auto end = std::min(element.find(" . "), element.find(" : "));
    fields.emplace_back(base::trim(element.substr(0, end)));
    element = end == std::string_view::npos ? std::string_view() : element.substr(end + 3);
  }
  return fields;
}

}  // namespace conductor::network
