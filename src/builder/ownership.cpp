#include "builder/ownership.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/units.hpp"

#include <optional>
#include <vector>

namespace conductor::builder {
namespace {

constexpr std::size_t file_limit = 1U << 20U;
constexpr std::int64_t max_number = 2147483647;

std::optional<std::uint32_t> number(std::string_view text) {
  const auto value = base::parse_number(text, max_number);
  if (!value) return std::nullopt;
  return static_cast<std::uint32_t>(*value);
}

// The fields of the line of that name in a file of colon-separated lines; empty when there is none.
std::vector<std::string> find_line(const linux::RootFd& image, const std::string& path, const std::string& name) {
  const auto text = image.read_file(path, file_limit);
  if (!text) return {};
  for (std::size_t at = 0; at < text->size();) {
    const std::size_t end = std::min(text->find('\n', at), text->size());
    const std::string_view line = std::string_view(*text).substr(at, end - at);
    if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == ':') return base::split(line, ':');
    at = end + 1;
  }
  return {};
}

[[noreturn]] void unknown(const std::string& kind, const std::string& name, const std::string& path) {
  throw base::Error("the image has no " + kind + " " + base::escape_control(name) + " in " + path);
}

Owner find_user(const linux::RootFd& image, const std::string& name) {
  if (const auto id = number(name)) return {*id, *id};
  const auto line = find_line(image, "/etc/passwd", name);
  const auto user = line.size() > 3 ? number(line[2]) : std::nullopt;
  const auto group = line.size() > 3 ? number(line[3]) : std::nullopt;
  if (name.empty() || !user || !group) unknown("user", name, "/etc/passwd");
  return {*user, *group};
}

gid_t find_group(const linux::RootFd& image, const std::string& name) {
  if (const auto id = number(name)) return *id;
  const auto line = find_line(image, "/etc/group", name);
  const auto group = line.size() > 2 ? number(line[2]) : std::nullopt;
  if (name.empty() || !group) unknown("group", name, "/etc/group");
  return *group;
}

}  // namespace

Owner resolve_owner(const linux::RootFd& image, const std::string& text) {
  const auto colon = text.find(':');
  Owner owner = find_user(image, text.substr(0, colon));
  if (colon != std::string::npos) owner.group = find_group(image, text.substr(colon + 1));
  return owner;
}

}  // namespace conductor::builder
