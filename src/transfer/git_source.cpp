// What counts as the URL of a git repository, and what it says besides.
#include "base/error.hpp"
#include "base/text.hpp"
#include "transfer/transfer.hpp"

#include <algorithm>
#include <map>
#include <string_view>

namespace conductor::transfer {
namespace {

using base::Error;

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// %XX, and in a query + for a blank; what is malformed stays as it is.
std::string decode(std::string_view text, bool query) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool coded =
        text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0;
    if (coded) {
      result += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      result += query && text[i] == '+' ? ' ' : text[i];
    }
  }
  return result;
}

// The text without its fragment and query.
struct Parts {
  std::string remote;
  std::string query;
  std::string fragment;
};
Parts parts_of(const std::string& text) {
  Parts parts;
  const auto hash = text.find('#');
  const auto mark = text.substr(0, hash).find('?');
  parts.remote = text.substr(0, std::min(hash, mark));
  if (mark != std::string::npos)
    parts.query = text.substr(mark + 1, hash == std::string::npos ? hash : hash - mark - 1);
  if (hash != std::string::npos) parts.fragment = text.substr(hash + 1);
  return parts;
}

// "github.com/user/repo" and nothing more: a page of that site, whose repository is meant.
bool is_github_page(std::string_view rest) {
  constexpr std::string_view host = "github.com/";
  if (!rest.starts_with(host)) return false;
  rest.remove_prefix(host.size());
  if (rest.ends_with('/')) rest.remove_suffix(1);
  return !rest.starts_with('/') && std::count(rest.begin(), rest.end(), '/') == 1;
}

// user@host:path
bool is_scp_form(std::string_view text) {
  const auto at = text.find('@');
  const auto colon = text.find(':');
  if (at == std::string_view::npos || at == 0 || colon == std::string_view::npos || colon < at + 2 ||
      colon + 1 == text.size())
    return false;
  const auto host = text.substr(at + 1, colon - at - 1);
  return text[0] != '-' && host[0] != '-' &&
         std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), is_word) &&
         std::all_of(host.begin(), host.end(), [](char c) { return is_word(c) || c == '.'; });
}

// The remote as git takes it, or nothing.
std::optional<std::string> remote_of(const std::string& text, bool context) {
  if (context && text.starts_with("github.com/")) return "https://" + text;
  const auto end = text.find("://");
  if (end == std::string::npos) return is_scp_form(text) ? std::optional(text) : std::nullopt;
  const std::string scheme = base::lower(text.substr(0, end));
  const std::string rest = text.substr(end + 3);
  if (rest.empty() || rest.starts_with('-')) return std::nullopt;
  if (scheme == "git" || scheme == "ssh") return scheme + "://" + rest;
  if (scheme != "http" && scheme != "https") return std::nullopt;
  if (!rest.ends_with(".git") && !is_github_page(rest)) return std::nullopt;
  return scheme + "://" + rest;
}

using Query = std::map<std::string, std::string>;

Query parse_query(const std::string& text) {
  Query query;
  for (const auto& field : base::split(text, '&')) {
    if (field.empty()) continue;
    const auto equals = field.find('=');
    const std::string name = decode(field.substr(0, equals), true);
    const std::string value = equals == std::string::npos ? "" : decode(field.substr(equals + 1), true);
    const bool flag = name == "submodules" || name == "keep-git-dir";
    if (value.empty() && !flag) throw Error("git URL: '" + base::escape_control(name) + "' has no value");
    if (!query.emplace(name, value).second) throw Error("git URL: '" + base::escape_control(name) + "' is there twice");
  }
  return query;
}

bool parse_flag(const std::string& name, const std::string& value) {
  for (const char* word : {"", "1", "t", "T", "true", "TRUE", "True"})
    if (value == word) return true;
  for (const char* word : {"0", "f", "F", "false", "FALSE", "False"})
    if (value == word) return false;
  throw Error("git URL: " + name + " is true or false, not '" + base::escape_control(value) + "'");
}

void put(std::string& member, const std::string& what, const std::string& value) {
  if (!member.empty() && member != value)
    throw Error("git URL: two values for the " + what + ", '" + base::escape_control(member) + "' and '" +
                base::escape_control(value) + "'");
  member = value;
}

std::string with_prefix(const std::string& prefix, const std::string& name) {
  return name.starts_with(prefix) ? name : prefix + name;
}

void add_query(const Query& query, GitSource& source) {
  if (query.contains("tag") && query.contains("branch")) throw Error("git URL: a tag and a branch at once");
  for (const auto& [name, value] : query) {
    if (name == "ref")
      put(source.ref, "ref", value);
    else if (name == "subdir")
      put(source.subdir, "subdir", value);
    else if (name == "checksum" || name == "commit")
      put(source.checksum, "checksum", value);
    else if (name == "keep-git-dir")
      source.keep_git = parse_flag(name, value);
    else if (name == "submodules")
      source.submodules = parse_flag(name, value);
    else if (name != "tag" && name != "branch")
      throw Error("git URL: there is no '" + base::escape_control(name) + "'" +
                  base::did_you_mean(
                      name, {"ref", "tag", "branch", "subdir", "checksum", "commit", "keep-git-dir", "submodules"}));
  }
  if (const auto tag = query.find("tag"); tag != query.end())
    put(source.ref, "ref", with_prefix("refs/tags/", tag->second));
  if (const auto branch = query.find("branch"); branch != query.end())
    put(source.ref, "ref", with_prefix("refs/heads/", branch->second));
  if (source.ref.empty()) source.ref = source.checksum;
}

}  // namespace

std::optional<GitSource> parse_git_source(const std::string& text, bool context) {
  if (text.starts_with("./") || text.starts_with("../") || text.starts_with('/')) return std::nullopt;
  const Parts parts = parts_of(text);
  const auto remote = remote_of(parts.remote, context);
  if (!remote) return std::nullopt;
  GitSource source;
  source.url = *remote;
  const std::string fragment = decode(parts.fragment, false);
  const auto colon = fragment.find(':');
  source.ref = fragment.substr(0, colon);
  if (colon != std::string::npos) source.subdir = fragment.substr(colon + 1);
  add_query(parse_query(parts.query), source);
  return source;
}

}  // namespace conductor::transfer
