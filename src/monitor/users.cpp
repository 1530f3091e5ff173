#include "monitor/users.hpp"

#include "base/error.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <optional>

namespace conductor::monitor {
namespace {

using base::Error;

constexpr std::size_t max_file = 1U << 20U;
constexpr std::size_t max_line = 64U << 10U;
constexpr std::size_t max_lines = 10'000;
constexpr std::size_t max_groups = 1'024;
constexpr std::uint32_t max_id = 0x7fffffff;

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<std::uint32_t> parse_id(std::string_view text) {
  if (!all_digits(text)) return std::nullopt;
  std::uint64_t value = 0;
  for (const char digit : text) {
    value = value * 10 + static_cast<std::uint64_t>(digit - '0');
    if (value > max_id) return std::nullopt;
  }
  return static_cast<std::uint32_t>(value);
}

// Calls `use` with the fields of every line that has exactly `count`, until it returns true.
template <class Use>
void each_line(std::string_view text, std::size_t count, Use&& use) {
  for (std::size_t lines = 0; !text.empty() && lines < max_lines; ++lines) {
    const auto end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.size() > max_line) continue;
    std::vector<std::string_view> fields;
    for (auto colon = line.find(':'); colon != line.npos && fields.size() < count; colon = line.find(':')) {
      fields.push_back(line.substr(0, colon));
      line.remove_prefix(colon + 1);
    }
    fields.push_back(line);
    if (fields.size() == count && use(fields)) return;
  }
}

struct UserEntry {
  std::string name;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::string home;
};

// name:password:uid:gid:comment:home:shell
template <class Wanted>
std::optional<UserEntry> find_user(std::string_view passwd, Wanted&& wanted) {
  std::optional<UserEntry> found;
  each_line(passwd, 7, [&](const std::vector<std::string_view>& field) {
    const auto uid = parse_id(field[2]);
    const auto gid = parse_id(field[3]);
    if (field[0].empty() || !uid || !gid || !wanted(field[0], *uid)) return false;
    found = UserEntry{std::string(field[0]), *uid, *gid, std::string(field[5])};
    return true;
  });
  return found;
}

// name:password:gid:member,member
std::uint32_t find_group(std::string_view group, std::string_view name) {
  std::optional<std::uint32_t> found;
  each_line(group, 4, [&](const std::vector<std::string_view>& field) {
    if (field[0] != name) return false;
    found = parse_id(field[2]);
    return found.has_value();
  });
  if (!found) throw Error("no group '" + base::escape_control(name) + "' in /etc/group of the container");
  return *found;
}

bool lists(std::string_view members, std::string_view name) {
  while (!members.empty()) {
    const auto end = std::min(members.find(','), members.size());
    if (members.substr(0, end) == name) return true;
    members.remove_prefix(std::min(end + 1, members.size()));
  }
  return false;
}

std::vector<std::uint32_t> groups_of(std::string_view group, std::string_view name) {
  std::vector<std::uint32_t> groups;
  each_line(group, 4, [&](const std::vector<std::string_view>& field) {
    const auto gid = parse_id(field[2]);
    if (gid && lists(field[3], name) && std::find(groups.begin(), groups.end(), *gid) == groups.end())
      groups.push_back(*gid);
    return groups.size() >= max_groups;
  });
  return groups;
}

std::uint32_t number_or_throw(std::string_view text, const char* what) {
  const auto id = parse_id(text);
  if (!id) throw Error(std::string(what) + " number " + std::string(text) + " is over 2147483647");
  return *id;
}

}  // namespace

Identity identify_user(std::string_view user, std::string_view passwd, std::string_view group) {
  const auto colon = user.find(':');
  const std::string_view name = user.empty() ? "0" : user.substr(0, colon);
  const std::string_view group_name = colon == user.npos ? "" : user.substr(colon + 1);
  if (name.empty() || (colon != user.npos && group_name.empty()) || group_name.find(':') != group_name.npos)
    throw Error("not a user: '" + base::escape_control(user) + "'; it is written user[:group], by name or number");

  Identity identity;
  std::optional<UserEntry> entry;
  if (all_digits(name)) {
    identity.uid = number_or_throw(name, "user");
    entry = find_user(passwd, [&](std::string_view, std::uint32_t uid) { return uid == identity.uid; });
  } else {
    entry = find_user(passwd, [&](std::string_view listed, std::uint32_t) { return listed == name; });
    if (!entry) throw Error("no user '" + base::escape_control(name) + "' in /etc/passwd of the container");
    identity.uid = entry->uid;
  }
  if (entry) identity.gid = entry->gid;
  if (entry && !entry->home.empty()) identity.home = entry->home;
  if (!entry && identity.uid == 0) identity.home = "/root";
  if (all_digits(group_name))
    identity.gid = number_or_throw(group_name, "group");
  else if (!group_name.empty())
    identity.gid = find_group(group, group_name);
  else if (entry)
    identity.groups = groups_of(group, entry->name);
  return identity;
}

Identity identify_user(std::string_view user, const linux::RootFd& root) {
  const auto passwd = root.read_file("/etc/passwd", max_file);
  const auto group = root.read_file("/etc/group", max_file);
  return identify_user(user, passwd.value_or(""), group.value_or(""));
}

}  // namespace conductor::monitor
