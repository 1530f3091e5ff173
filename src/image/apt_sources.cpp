#include "image/apt_sources.hpp"

#include "base/text.hpp"
#include "linux/fd.hpp"
#include "store/records.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace conductor::image {
namespace {

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : text) {
    if (c != ' ' && c != '\t' && c != '\n') {
      word += c;
    } else if (!word.empty()) {
      words.push_back(std::move(word));
      word.clear();
    }
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

bool contains(const std::vector<std::string>& list, std::string_view item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

// A paragraph of a deb822 file: field names in lower case.
using Stanza = std::map<std::string, std::string>;

void add_sources(const Stanza& stanza, std::vector<AptSource>& sources) {
  const auto field = [&](const char* name) {
    const auto found = stanza.find(name);
    return found != stanza.end() ? found->second : std::string();
  };
  const std::string enabled = base::lower(base::trim(field("enabled")));
  if (enabled == "no" || enabled == "false" || enabled == "0" || !contains(words_of(field("types")), "deb")) return;
  for (const auto& uri : words_of(field("uris")))
    sources.push_back(
        {uri, words_of(field("suites")), words_of(field("components")), std::string(base::trim(field("signed-by")))});
}

// --- which of them belong to a distribution
// ---------------------------------------------------------------------------

constexpr std::array<std::string_view, 5> pockets = {"-updates", "-security", "/updates", "-backports", "-proposed"};

struct SuiteName {
  std::string suite;
  std::string pocket;  // "-updates" …, or empty
};
SuiteName split_suite(const std::string& text) {
  for (const auto pocket : pockets)
    if (text.ends_with(pocket)) return {text.substr(0, text.size() - pocket.size()), std::string(pocket)};
  return {text, ""};
}

bool is_security(const SuiteName& name) { return name.pocket == "-security" || name.pocket == "/updates"; }

bool is_distribution_path(std::string_view uri, const std::string& distribution) {
  const auto parts = base::split(uri, '/');
  return std::any_of(parts.begin() + (parts.size() > 3 ? 3 : 0), parts.end(), [&](const std::string& part) {
    return part == distribution || part.starts_with(distribution + "-");
  });
}

// The distribution's own archive, not that of somebody who publishes packages for it: told by its key, else by its
// path.
bool belongs_to(const AptSource& source, const std::string& distribution) {
  const bool fetched = source.uri.starts_with("http://") || source.uri.starts_with("https://");
  if (!fetched || !contains(source.components, "main")) return false;
  if (!source.signed_by.empty()) return source.signed_by.find(distribution + "-archive") != std::string::npos;
  return is_distribution_path(source.uri, distribution);
}

bool has_plain_suite(const AptSource& source, const std::string& suite) {
  return std::any_of(source.suites.begin(), source.suites.end(), [&](const std::string& text) {
    const SuiteName name = split_suite(text);
    return !is_security(name) && (suite.empty() || name.suite == suite);
  });
}

// The suite the host itself follows: that of its first plain entry.
std::string host_suite(const std::vector<AptSource>& sources, const std::string& distribution) {
  for (const auto& source : sources) {
    if (!belongs_to(source, distribution)) continue;
    for (const auto& text : source.suites)
      if (split_suite(text).pocket.empty()) return text;
  }
  return {};
}

// Suites that only roll have neither updates nor a security archive; those before Debian 11 named the latter otherwise.
bool has_pockets(const std::string& suite) {
  static const std::set<std::string> without = {"sid",     "unstable", "experimental", "testing", "buster",
                                                "stretch", "jessie",   "wheezy",       "squeeze"};
  return !without.contains(suite);
}

// --- files
// ------------------------------------------------------------------------------------------------------------

std::string first_mirror(const std::string& uri) {
  constexpr std::string_view scheme = "mirror+file:";
  if (!uri.starts_with(scheme)) return uri;
  std::string path = uri.substr(scheme.size());
  while (path.starts_with("//")) path.erase(0, 1);
  for (const auto& line : base::split(linux::try_read_file(path).value_or(""), '\n')) {
    const auto words = words_of(line);
    if (!words.empty() && words.front().front() != '#') return words.front();
  }
  return uri;
}

}  // namespace

std::vector<AptSource> parse_deb822(std::string_view text) {
  std::vector<AptSource> sources;
  Stanza stanza;
  std::string field;
  for (const auto& line : base::split(text, '\n')) {
    if (line.starts_with('#')) continue;
    if (base::trim(line).empty()) {
      add_sources(stanza, sources);
      stanza.clear();
      field.clear();
    } else if (line.front() == ' ' || line.front() == '\t') {
      if (!field.empty()) stanza[field] += " " + std::string(base::trim(line));
    } else if (const auto colon = line.find(':'); colon != std::string::npos) {
      field = base::lower(base::trim(line.substr(0, colon)));
      stanza[field] = base::trim(line.substr(colon + 1));
    }
  }
  add_sources(stanza, sources);
  return sources;
}

std::vector<AptSource> parse_one_line_sources(std::string_view text) {
  std::vector<AptSource> sources;
  for (const auto& line : base::split(text, '\n')) {
    auto words = words_of(line.substr(0, line.find('#')));
    if (words.empty() || words.front() != "deb") continue;
    AptSource source;
    std::size_t next = 1;
    if (next < words.size() && words[next].starts_with('[')) {
      for (bool closed = false; next < words.size() && !closed; ++next) {
        std::string option = words[next];
        closed = option.ends_with(']');
        std::erase_if(option, [](char c) { return c == '[' || c == ']'; });
        constexpr std::string_view key = "signed-by=";
        if (base::lower(option).starts_with(key)) source.signed_by = option.substr(key.size());
      }
    }
    if (next + 1 >= words.size()) continue;
    source.uri = words[next];
    source.suites = {words[next + 1]};
    source.components.assign(words.begin() + static_cast<std::ptrdiff_t>(next) + 2, words.end());
    sources.push_back(std::move(source));
  }
  return sources;
}

std::optional<std::string> find_apt_option(std::string_view configuration, std::string_view option) {
  std::optional<std::string> value;
  for (const auto& line : base::split(configuration, '\n')) {
    const auto words = words_of(line);
    if (words.size() < 2 || base::lower(words[0]) != base::lower(option)) continue;
    const auto open = line.find('"');
    const auto close = open == std::string::npos ? open : line.find('"', open + 1);
    if (close != std::string::npos) value = line.substr(open + 1, close - open - 1);
  }
  return value;
}

AptConfiguration read_apt_configuration(const std::string& directory) {
  AptConfiguration result;
  const auto text_of = [&](const std::string& name) {
    return linux::try_read_file(directory + "/" + name).value_or("");
  };
  const auto append = [&](std::vector<AptSource> more) {
    for (auto& source : more) {
      source.uri = first_mirror(source.uri);
      result.sources.push_back(std::move(source));
    }
  };
  append(parse_one_line_sources(text_of("sources.list")));
  for (const auto& name : store::list_directory(directory + "/sources.list.d")) {
    if (name.ends_with(".sources")) append(parse_deb822(text_of("sources.list.d/" + name)));
    if (name.ends_with(".list")) append(parse_one_line_sources(text_of("sources.list.d/" + name)));
  }
  std::string options;
  for (const auto& name : store::list_directory(directory + "/apt.conf.d"))
    options += text_of("apt.conf.d/" + name) + "\n";
  options += text_of("apt.conf");
  result.proxy = find_apt_option(options, "Acquire::http::Proxy");
  if (result.proxy && (result.proxy->empty() || base::upper(*result.proxy) == "DIRECT")) result.proxy.reset();
  result.accepts_old_archive =
      base::lower(find_apt_option(options, "Acquire::Check-Valid-Until").value_or("")) == "false";
  return result;
}

std::optional<std::string> mirror_of(const std::vector<AptSource>& sources, const std::string& distribution,
                                     const std::string& suite) {
  for (const auto& wanted : {suite, std::string()})
    for (const auto& source : sources)
      if (belongs_to(source, distribution) && has_plain_suite(source, wanted)) return source.uri;
  return std::nullopt;
}

std::string sources_list_for(const std::vector<AptSource>& sources, const std::string& distribution,
                             const std::string& suite) {
  const auto is_own = [&](const AptSource& source) {
    return belongs_to(source, distribution) &&
           std::any_of(source.suites.begin(), source.suites.end(),
                       [&](const std::string& text) { return split_suite(text).suite == suite; });
  };
  const bool known = std::any_of(sources.begin(), sources.end(), is_own);
  const std::string replaced = known ? suite : host_suite(sources, distribution);
  std::vector<std::string> lines;
  for (const auto& source : sources) {
    if (!belongs_to(source, distribution)) continue;
    for (const auto& text : source.suites) {
      const SuiteName name = split_suite(text);
      const bool wanted = name.pocket.empty() || name.pocket == "-updates" || is_security(name);
      if (name.suite != replaced || !wanted || (!known && !name.pocket.empty() && !has_pockets(suite))) continue;
      const std::string line =
          "deb " + source.uri + " " + suite + name.pocket + " " + base::join(source.components, " ") + "\n";
      if (!contains(lines, line)) lines.push_back(line);
    }
  }
  return base::join(lines, "");
}

}  // namespace conductor::image
