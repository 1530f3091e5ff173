#include "image/base_cleaning.hpp"

#include "base/text.hpp"
#include "base/units.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <ctime>

namespace conductor::image {
namespace {

constexpr std::size_t longest_list = 16U << 20U;
constexpr std::int64_t seconds_per_day = 86400;

void empty_directory(const linux::RootFd& root, const std::string& directory) {
  const auto status = root.status(directory);
  if (!status || !S_ISDIR(status->st_mode)) return;
  for (const auto& name : root.list(directory)) root.remove_all(directory + "/" + name);
}

// Copies that programs leave beside what they replace, and what they compute again when it is missing.
bool is_leftover(const std::string& directory, const std::string& name) {
  constexpr std::array suffixes{".dpkg-new", ".dpkg-old", ".dpkg-tmp", ".ucf-old", ".pyc"};
  if (std::any_of(suffixes.begin(), suffixes.end(), [&](const char* suffix) { return name.ends_with(suffix); }))
    return true;
  if (name == "__pycache__" || name == ".pwd.lock") return true;
  if (directory == "/etc" && name.ends_with('-')) return true;  // passwd-, shadow- …
  const bool keeps_old = directory == "/var/lib/dpkg" || directory == "/var/cache/debconf";
  return keeps_old && (name.ends_with("-old") || name.ends_with("lock") || name.starts_with("lock-"));
}

void remove_leftovers(const linux::RootFd& root, const std::string& directory) {
  for (const auto& name : root.list(directory.empty() ? "/" : directory)) {
    const std::string path = directory + "/" + name;
    if (is_leftover(directory, name)) {
      root.remove_all(path);
    } else if (const auto status = root.status(path); status && S_ISDIR(status->st_mode)) {
      remove_leftovers(root, path);
    }
  }
}

// Files below, whatever their depth; the directories stay, with their owners.
void remove_files(const linux::RootFd& root, const std::string& directory) {
  const auto status = root.status(directory);
  if (!status || !S_ISDIR(status->st_mode)) return;
  for (const auto& name : root.list(directory)) {
    const std::string path = directory + "/" + name;
    const auto found = root.status(path);
    if (found && S_ISDIR(found->st_mode))
      remove_files(root, path);
    else
      root.remove(path);
  }
}

void rewrite(const linux::RootFd& root, const std::string& path, const std::string& content) {
  const linux::Fd file = root.open(path, O_WRONLY | O_TRUNC | O_NOFOLLOW);
  linux::write_all(file.get(), content);
}

// Whoever makes a user writes down the day.
void clamp_password_days(const linux::RootFd& root, std::int64_t day) {
  constexpr const char* path = "/etc/shadow";
  const auto text = root.read_file(path, longest_list);
  if (!text) return;
  auto lines = base::split(*text, '\n');
  for (auto& line : lines) line = clamp_shadow_line(line, day);
  if (const std::string result = base::join(lines, "\n"); result != *text) rewrite(root, path, result);
}

}  // namespace

std::optional<std::int64_t> parse_release_date(std::string_view text) {
  for (const auto& line : base::split(text, '\n')) {
    constexpr std::string_view field = "Date:";
    if (!line.starts_with(field)) continue;
    // RFC 1123: "Sat, 11 Jul 2026 10:16:37 UTC". Always in UTC.
    std::tm time{};
    const std::string value(base::trim(line.substr(field.size())));
    if (strptime(value.c_str(), "%a, %d %b %Y %H:%M:%S", &time) == nullptr) return std::nullopt;
    return timegm(&time);
  }
  return std::nullopt;
}

std::optional<std::int64_t> release_date(const linux::RootFd& root) {
  const std::string directory = "/var/lib/apt/lists";
  std::optional<std::int64_t> latest;
  if (!root.status(directory)) return latest;
  for (const auto& name : root.list(directory)) {
    if (!name.ends_with("Release")) continue;
    const auto date = parse_release_date(root.read_file(directory + "/" + name, longest_list).value_or(""));
    latest = std::max(latest, date);
  }
  return latest;
}

std::string clamp_shadow_line(std::string_view line, std::int64_t day) {
  auto fields = base::split(line, ':');
  constexpr std::size_t changed = 2;
  if (fields.size() > changed)
    if (const auto value = base::parse_number(fields[changed]); value && *value > day)
      fields[changed] = std::to_string(day);
  return base::join(fields, ":");
}

void clean_base(const linux::RootFd& root, std::optional<std::int64_t> newest) {
  for (const char* directory : {"/var/cache/apt", "/var/lib/apt/lists", "/dev", "/tmp", "/var/tmp"})
    empty_directory(root, directory);
  root.make_directories("/var/cache/apt/archives/partial");
  root.make_directories("/var/lib/apt/lists/partial");
  for (const char* file : {"/etc/resolv.conf", "/etc/hostname", "/etc/machine-id"}) root.write_file(file, "");
  for (const char* file : {"/var/lib/dbus/machine-id", "/var/lib/systemd/random-seed", "/var/cache/ldconfig/aux-cache",
                           "/var/lib/apt/extended_states"})
    root.remove_all(file);
  remove_files(root, "/var/log");
  remove_leftovers(root, "");
  if (newest) clamp_password_days(root, *newest / seconds_per_day);
}

}  // namespace conductor::image
