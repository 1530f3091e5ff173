// The values of a compose file.
#include "base/units.hpp"
#include "parser/compose_reader.hpp"
#include "parser/substitution.hpp"

#include <algorithm>
#include <array>

namespace conductor::parser {

using Kind = YamlNode::Kind;

namespace {
constexpr auto own_extensions = std::to_array<std::string_view>(
    {"x-allow-peers", "x-conductor", "x-host", "x-internet", "x-peers", "x-publish-scope"});
}  // namespace

void ComposeReader::interpolate_values(YamlNode& node) {
  if (node.kind == Kind::scalar) {
    try {
      node.text = interpolate(node.text, node.position, lookup_, warnings_);
    } catch (const base::SourceError& problem) {
      for (const auto& diagnostic : problem.diagnostics())
        error(diagnostic.position, diagnostic.message, diagnostic.hint);
    }
  }
  for (auto& item : node.items) interpolate_values(item);
  for (auto& entry : node.entries) {
    const bool ours = std::find(own_extensions.begin(), own_extensions.end(), entry.key) != own_extensions.end();
    if (ours || !entry.key.starts_with("x-")) interpolate_values(entry.value);
  }
}

void ComposeReader::warning(const base::Position& position, std::string message) {
  if (warnings_ != nullptr) warnings_->push_back({position, std::move(message), {}, base::Severity::warning});
}

bool ComposeReader::is_map(const YamlNode& node, std::string_view what) {
  if (node.kind == Kind::map || node.kind == Kind::null) return true;
  error(node.position, std::string(what) + " must be a map", "expected 'key: value'");
  return false;
}

bool ComposeReader::is_list(const YamlNode& node, std::string_view what) {
  if (node.kind == Kind::list || node.kind == Kind::null) return true;
  error(node.position, "expected a list of " + std::string(what), "begin each line with '- '");
  return false;
}

std::string ComposeReader::enter(const YamlEntry& entry) {
  std::string outer = path_;
  path_ += (path_.empty() ? "" : ".") + entry.key;
  if (places_ != nullptr) (*places_)[path_] = entry.position;
  return outer;
}

void ComposeReader::refuse(const YamlEntry& entry, std::vector<std::string> known,
                           std::span<const std::string_view> later, std::string_view what) {
  if (std::find(later.begin(), later.end(), entry.key) != later.end())
    return error(entry.position, show(entry.key) + " is not supported yet");
  known.insert(known.end(), later.begin(), later.end());
  error(entry.position, "unknown key " + show(entry.key) + " of " + std::string(what),
        diagnostics_.full() ? "" : suggestion(entry.key, known));
}

// --- conversions ----------------------------------------------------------------------------------------------------

namespace {

// The text of a scalar, or nothing after reporting what was expected.
std::optional<std::string> scalar(ComposeReader& reader, const YamlNode& node, const char* expected) {
  if (node.kind == Kind::scalar) return node.text;
  const char* found = node.kind == Kind::list ? "a list" : node.kind == Kind::map ? "a map" : "nothing";
  reader.error(node.position, std::string("expected ") + expected + ", not " + found);
  return std::nullopt;
}

// Converts the scalar with `parse`, which answers an optional.
template <class Parse>
auto convert(ComposeReader& reader, const YamlNode& node, const char* expected, Parse parse) {
  decltype(parse(std::string())) result{};
  const auto written = scalar(reader, node, expected);
  if (!written) return result;
  result = parse(*written);
  if (!result) reader.error(node.position, std::string("expected ") + expected + ", not " + show(*written));
  return result;
}

// A number of which -1 means that there is no limit.
std::optional<std::int64_t> unlimited(const std::string& written) {
  return written == "-1" ? std::optional<std::int64_t>(-1) : std::nullopt;
}

}  // namespace

std::string text(ComposeReader& reader, const YamlNode& node) { return scalar(reader, node, "a string").value_or(""); }

bool boolean(ComposeReader& reader, const YamlNode& node) {
  // YAML 1.2: yes, no, on and off are strings.
  const auto parse = [](const std::string& written) -> std::optional<bool> {
    if (written == "true" || written == "True" || written == "TRUE") return true;
    if (written == "false" || written == "False" || written == "FALSE") return false;
    return std::nullopt;
  };
  return convert(reader, node, "true or false", parse).value_or(false);
}

int count(ComposeReader& reader, const YamlNode& node) {
  constexpr std::int64_t most = 1'000'000;
  const auto parse = [](const std::string& written) { return base::parse_number(written, most); };
  return static_cast<int>(convert(reader, node, "a whole number", parse).value_or(0));
}

std::optional<std::int64_t> size(ComposeReader& reader, const YamlNode& node) {
  return convert(reader, node, "a size such as 64m",
                 [](const std::string& written) { return base::parse_size(written); });
}

std::optional<std::int64_t> size_or_all(ComposeReader& reader, const YamlNode& node) {
  return convert(reader, node, "a size such as 64m, or -1", [](const std::string& written) {
    const auto none = unlimited(written);
    return none ? none : base::parse_size(written);
  });
}

std::optional<std::int64_t> number_or_all(ComposeReader& reader, const YamlNode& node) {
  return convert(reader, node, "a whole number, or -1", [](const std::string& written) {
    const auto none = unlimited(written);
    return none ? none : base::parse_number(written);
  });
}

std::optional<double> decimal(ComposeReader& reader, const YamlNode& node) {
  return convert(reader, node, "a number such as 0.5",
                 [](const std::string& written) { return base::parse_decimal(written); });
}

std::optional<std::chrono::nanoseconds> some_duration(ComposeReader& reader, const YamlNode& node) {
  return convert(reader, node, "a duration such as 1m30s",
                 [](const std::string& written) { return base::parse_duration(written); });
}

std::chrono::nanoseconds duration(ComposeReader& reader, const YamlNode& node) {
  return some_duration(reader, node).value_or(std::chrono::nanoseconds(0));
}

std::vector<std::string> texts(ComposeReader& reader, const YamlNode& node) {
  std::vector<std::string> result;
  if (!reader.is_list(node, "strings")) return result;
  for (const auto& item : node.items) result.push_back(text(reader, item));
  return result;
}

std::vector<std::string> text_or_texts(ComposeReader& reader, const YamlNode& node) {
  if (node.kind == Kind::scalar) return {node.text};
  return texts(reader, node);
}

std::optional<std::vector<std::string>> words(ComposeReader& reader, const YamlNode& node) {
  if (node.kind == Kind::null) return std::nullopt;  // the image's
  if (node.kind != Kind::scalar) return texts(reader, node);
  std::vector<std::string> result;
  reader.at(node, [&] { result = split_words(node.text); });
  return result;
}

std::map<std::string, std::optional<std::string>> variables(ComposeReader& reader, const YamlNode& node) {
  std::map<std::string, std::optional<std::string>> result;
  if (node.kind == Kind::map) {
    for (const auto& entry : node.entries) {
      if (entry.key.empty()) reader.error(entry.position, "a name is missing before ':'", "NAME: value");
      auto& value = result[entry.key];
      if (entry.value.kind != Kind::null) value = text(reader, entry.value);
    }
  } else if (reader.is_list(node, "NAME=value, or a map")) {
    for (const auto& item : node.items) {
      const std::string pair = text(reader, item);
      const auto equals = pair.find('=');
      if (equals == 0) reader.error(item.position, "a name is missing before '='", "NAME=value");
      auto& value = result[pair.substr(0, equals)];
      value.reset();
      if (equals != std::string::npos) value = pair.substr(equals + 1);
    }
  }
  return result;
}

std::map<std::string, std::string> labels(ComposeReader& reader, const YamlNode& node) {
  std::map<std::string, std::string> result;
  for (auto& [name, value] : variables(reader, node)) result[name] = value.value_or("");
  return result;
}

bool is_key_name(std::string_view name) {
  const auto inner = [](char c) { return is_name_char(c) || c == '-' || c == '.'; };
  return !name.empty() && name.size() <= 200 && std::all_of(name.begin(), name.end(), inner);
}

}  // namespace conductor::parser
