#include "engine/id_ranges.hpp"

#include "base/text.hpp"
#include "base/units.hpp"
#include "linux/fd.hpp"
#include "store/records.hpp"
#include "store/settings.hpp"

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <set>

namespace conductor::engine {

namespace {

using base::Error;
using monitor::IdRange;

constexpr std::int64_t all_ids = 4'294'967'295;  // the last one means "none"
constexpr std::size_t most_ranges = 340;         // of a map
constexpr std::size_t longest_id = 128;

struct Span {
  std::int64_t first = 0;
  std::int64_t count = 0;
  bool overlaps(const Span& other) const { return first < other.first + other.count && other.first < first + count; }
};

std::string directory(const store::Locations& locations) { return locations.root + "/ids"; }

[[noreturn]] void refuse_setting(const char* name, const std::string& value, const std::string& expected) {
  throw Error(store::settings_file() + ": " + name + " = " + base::escape_control(value) + ": expected " + expected);
}

// "FIRST:COUNT"
std::optional<Span> parse_span(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == text.npos) return std::nullopt;
  const auto first = base::parse_number(text.substr(0, colon), all_ids);
  const auto count = base::parse_number(text.substr(colon + 1), all_ids);
  if (!first || !count) return std::nullopt;
  return Span{*first, *count};
}

Span configured_span() {
  const auto value = store::setting("userns_range");
  if (!value) return {1'048'576, 2'146'435'072};
  const auto span = parse_span(*value);
  if (!span || span->first < ids_of_a_container || span->count < ids_of_a_container ||
      span->first + span->count > all_ids)
    refuse_setting("userns_range", *value, "FIRST:COUNT, both at least 65536, such as 1048576:655360000");
  return *span;
}

// "name:first:count" a line: ids that users of this machine may give to namespaces of their own (subuid(5)).
std::vector<Span> ids_of_others() {
  std::vector<Span> spans;
  for (const char* file : {"/etc/subuid", "/etc/subgid"})
    for (const auto& line : base::split(linux::try_read_file(file).value_or(""), '\n')) {
      const auto colon = line.find(':');
      if (colon == std::string::npos || line.starts_with('#')) continue;
      if (const auto span = parse_span(base::trim(std::string_view(line).substr(colon + 1)))) spans.push_back(*span);
    }
  return spans;
}

void check_ranges(const std::vector<IdRange>& ranges, const char* kind) {
  const base::Context context(std::string("map of ") + kind + " ids");
  if (ranges.size() > most_ranges) throw Error("it has more than 340 ranges");
  bool root = false;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    const Span inside{ranges[i].inside, ranges[i].count};
    const Span outside{ranges[i].outside, ranges[i].count};
    if (inside.count == 0) throw Error("a range is empty");
    if (inside.first + inside.count > all_ids || outside.first + outside.count > all_ids)
      throw Error("a range goes beyond 4294967294, the last id there is");
    if (outside.first == 0)
      throw Error("id 0 of the host is its root, which no container gets").with_hint("--userns host has no map at all");
    root = root || inside.first == 0;
    for (std::size_t j = 0; j < i; ++j)
      if (inside.overlaps({ranges[j].inside, ranges[j].count}) ||
          outside.overlaps({ranges[j].outside, ranges[j].count}))
        throw Error("two ranges overlap");
  }
  if (!root) throw Error("it leaves out id 0 of the container, its root");
}

}  // namespace

UserNamespace standard_user_namespace() {
  const std::string value = store::setting("userns").value_or("host");
  if (value == "host") return UserNamespace::host;
  if (value == "auto") return UserNamespace::automatic;
  refuse_setting("userns", value, "auto or host");
}

void check_maps(const monitor::IdMaps& maps) {
  check_ranges(maps.users, "user");
  check_ranges(maps.groups, "group");
}

monitor::IdMaps take_ids(const store::Locations& locations, const std::string& container) {
  const Span span = configured_span();
  const auto others = ids_of_others();
  store::make_directory(directory(locations));
  const auto listed = store::list_directory(directory(locations));
  const std::set<std::string> taken(listed.begin(), listed.end());
  for (std::int64_t first = span.first; first + ids_of_a_container <= span.first + span.count;
       first += ids_of_a_container) {
    const Span wanted{first, ids_of_a_container};
    const std::string name = std::to_string(first);
    if (taken.contains(name) || std::ranges::any_of(others, [&](const Span& other) { return other.overlaps(wanted); }))
      continue;
    if (!store::create_exclusively(directory(locations) + "/" + name, container)) continue;
    const IdRange range{0, static_cast<std::uint32_t>(first), ids_of_a_container};
    return {{range}, {range}};
  }
  throw Error("all ids for containers are taken").with_hint("see userns_range in " + store::settings_file());
}

std::vector<TakenIds> taken_ids(const store::Locations& locations) {
  std::vector<TakenIds> taken;
  for (auto& first : store::list_directory(directory(locations)))
    if (auto container = linux::try_read_file(directory(locations) + "/" + first, longest_id))
      taken.push_back({std::move(first), std::move(*container)});
  return taken;
}

void give_up_ids(const store::Locations& locations, const std::string& container) {
  for (const auto& range : taken_ids(locations))
    if (range.container == container) store::remove_file(directory(locations) + "/" + range.first);
}

monitor::IdMaps ids_for(const store::Locations& locations, const std::string& container,
                        const ContainerConfig& config) {
  if (config.network == NetworkMode::container) return {};
  const bool standard = config.user_namespace == UserNamespace::standard;
  switch (standard ? standard_user_namespace() : config.user_namespace) {
    case UserNamespace::automatic:
      return take_ids(locations, container);
    case UserNamespace::mapped:
      return config.ids;
    default:
      return {};
  }
}

// A directory is made before its ids are taken.
void recover_ids(const store::Locations& locations) {
  for (const auto& range : taken_ids(locations))
    if (access(locations.container(range.container).c_str(), F_OK) != 0) give_up_ids(locations, range.container);
}

// The groups that may open ping sockets have to be among the container's.
std::vector<monitor::Option> fitting(std::vector<monitor::Option> sysctls, const monitor::IdMaps& maps) {
  for (const auto& range : maps.groups)
    for (auto& sysctl : sysctls)
      if (range.inside == 0 && sysctl.key == "net.ipv4.ping_group_range")
        sysctl.value = "0 " + std::to_string(range.count - 1);
  return sysctls;
}

}  // namespace conductor::engine
