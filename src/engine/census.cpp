// Every kernel and disk object of one instance, so that a test can say that nothing is left (docs/census.md).
#include "base/text.hpp"
#include "base/units.hpp"
#include "engine/directory.hpp"
#include "engine/engine.hpp"
#include "engine/id_ranges.hpp"
#include "linux/cgroup.hpp"
#include "linux/fd.hpp"
#include "linux/mount.hpp"
#include "linux/netlink.hpp"
#include "linux/nftables.hpp"
#include "linux/packet_guard.hpp"
#include "network/attachment.hpp"
#include "network/foundation.hpp"
#include "network/records.hpp"
#include "store/lock.hpp"
#include "store/records.hpp"

#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>

namespace conductor::engine {

namespace {

using Lines = std::vector<std::string>;

bool is_below(const std::string& path, const std::string& directory) { return path.starts_with(directory + "/"); }

bool is_ours(const std::string& path, const store::Locations& locations) {
  return is_below(path, locations.root) || is_below(path, locations.state);
}

void add(Lines& lines, const char* kind, const std::string& name) {
  lines.push_back(std::string(kind) + " " + base::escape_control(name));
}

void count_mounts(Lines& lines, const store::Locations& locations) {
  for (const auto& mount : linux::list_mounts())
    if (is_ours(mount.point, locations)) add(lines, "mount", mount.point);
}

// A link whose container has ended dies with its network namespace, which the kernel takes down in its own time: nobody
// waits for that but us.
void count_links(Lines& lines, const store::Locations& locations, const network::Settings& settings) {
  constexpr int patience_ms = 5000;
  linux::Netlink netlink;
  std::set<std::string> owned;
  for (const auto& endpoint : network::Network(locations, {}).list()) owned.insert(endpoint.interface);
  for (const auto& link : netlink.links()) {
    if (link.group != settings.interface_group && !link.name.starts_with(settings.interface_prefix)) continue;
    if (owned.contains(link.name) || !netlink.wait_gone(link.name, patience_ms)) add(lines, "link", link.name);
  }
}

std::string family(bool v6) { return v6 ? " ipv6" : ""; }

void count_rules(Lines& lines, const network::Settings& settings) {
  constexpr std::uint32_t rules_of_one_instance = 4;
  linux::Netlink netlink;
  for (const auto& rule : netlink.rules()) {
    const std::string name = std::to_string(rule.priority) + family(rule.v6);
    if (rule.priority >= settings.rule_priority && rule.priority < settings.rule_priority + rules_of_one_instance)
      add(lines, "policy-rule", name);
    if (rule.priority == settings.guard_priority && rule.input_interface)
      add(lines, "policy-rule", name + " " + *rule.input_interface);
  }
}

// Of this host to endpoints. All instances have theirs in one table.
void count_routes(Lines& lines, const store::Locations& locations, const network::Settings& settings) {
  const auto ranges = network::guarded_ranges(settings, network::Records(locations));
  for (const auto& route : linux::Netlink().routes(network::endpoint_table))
    if (std::any_of(ranges.begin(), ranges.end(), [&](const auto& range) { return range.contains(route.destination); }))
      add(lines, "route", linux::to_text(route.destination));
}

// The host's own address towards endpoints, on its loopback interface.
void count_addresses(Lines& lines, const network::Settings& settings) {
  linux::Netlink netlink;
  const auto loopback = netlink.link("lo");
  if (!settings.ipv6() || !loopback) return;
  for (const auto& address : netlink.addresses())
    if (address.interface == loopback->index && settings.range6().contains(address.address))
      add(lines, "address", linux::to_text(address.address));
}

void count_guards(Lines& lines, const store::Locations& locations, const network::Settings& settings) {
  const network::Records records(locations);
  for (const auto& guard : network::packet_guards(settings, network::guarded_ranges(settings, records)))
    if (linux::packet_guard_stands(guard)) add(lines, "packet-guard", linux::to_text(guard.range));
}

void count_network(Lines& lines, const store::Locations& locations) {
  const auto settings = network::Settings::of(locations);
  count_links(lines, locations, settings);
  count_rules(lines, settings);
  count_routes(lines, locations, settings);
  count_addresses(lines, settings);
  count_guards(lines, locations, settings);
  if (linux::nft_table_exists("inet", settings.table)) add(lines, "nft-table", settings.table);
}

void count_cgroups(Lines& lines, const store::Locations& locations) {
  for (const auto& directory : linux::list_cgroups(locations.instance)) add(lines, "cgroup", directory);
}

std::string link_target(const std::string& path) {
  std::array<char, PATH_MAX> target{};
  const auto length = readlink(path.c_str(), target.data(), target.size());
  return length > 0 ? std::string(target.data(), static_cast<std::size_t>(length)) : std::string();
}

// A process belongs to us when it is in one of our cgroups or has a file below our roots open.
bool has_file_of(const std::string& process, const store::Locations& locations) {
  const std::string descriptors = process + "/fd";
  DIR* directory = opendir(descriptors.c_str());
  if (directory == nullptr) return false;
  bool found = false;
  while (const dirent* entry = readdir(directory))
    if (is_ours(link_target(descriptors + "/" + entry->d_name), locations)) found = true;
  closedir(directory);
  return found;
}

bool is_in_cgroup_of(const std::string& process, const store::Locations& locations) {
  const auto groups = linux::try_read_file(process + "/cgroup");
  return groups && groups->find("/" + locations.instance + "/") != std::string::npos;
}

void count_processes(Lines& lines, const store::Locations& locations) {
  for (const auto& name : store::list_directory("/proc")) {
    const auto pid = base::parse_number(name);
    if (!pid || *pid == getpid()) continue;
    const std::string process = "/proc/" + name;
    if (!is_in_cgroup_of(process, locations) && !has_file_of(process, locations)) continue;
    const auto command = linux::try_read_file(process + "/comm").value_or("");
    add(lines, "process", name + " " + std::string(base::trim(command)));
  }
}

// Every file below a directory, with its type where it is not a plain one.
void count_tree(Lines& lines, const char* kind, const std::string& directory, const std::string& prefix = {}) {
  for (const auto& name : store::list_directory(directory)) {
    struct stat status{};
    if (lstat((directory + "/" + name).c_str(), &status) != 0) continue;
    const std::string shown = prefix + name;
    if (S_ISDIR(status.st_mode)) {
      count_tree(lines, kind, directory + "/" + name, shown + "/");
    } else if (S_ISFIFO(status.st_mode)) {
      add(lines, "fifo", shown);
    } else if (S_ISSOCK(status.st_mode)) {
      add(lines, "socket", shown);
    } else if (!name.ends_with("lock") && name != "range.json") {
      // The files of locks stay, and so does the choice of addresses; locks that are held are counted below.
      add(lines, kind, shown);
    }
  }
}

void count_entries(Lines& lines, const char* kind, const std::string& directory) {
  for (const auto& name : store::list_directory(directory)) add(lines, kind, name);
}

void count_locks(Lines& lines, const std::string& directory) {
  for (const auto& name : store::list_directory(directory)) {
    struct stat status{};
    const std::string path = directory + "/" + name;
    if (stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    if (!store::Lock::try_acquire(path, store::Lock::Mode::shared)) add(lines, "lock", name);
  }
}

void count_disk(Lines& lines, const store::Locations& locations, bool all) {
  count_entries(lines, "container", locations.containers());
  count_entries(lines, "name", locations.names());
  for (const auto& range : taken_ids(locations)) add(lines, "ids", range.first);
  count_entries(lines, "volume", locations.volumes());
  count_entries(lines, "project", locations.projects());
  count_entries(lines, "temporary", locations.temporary());
  count_tree(lines, "network", locations.network());
  count_tree(lines, "resolved", locations.state + "/network/resolved");
  count_entries(lines, "run-directory", locations.state + "/containers");
  count_tree(lines, "run-file", locations.state + "/containers");
  if (!all) return;
  count_entries(lines, "image", locations.images());
  count_tree(lines, "tag", locations.tags());
  count_entries(lines, "layer", locations.layers());
  count_entries(lines, "cache", locations.cache());
  count_entries(lines, "base", locations.bases());
  count_entries(lines, "cache-mount", locations.cache_mounts());
}

}  // namespace

std::vector<std::string> census(const store::Locations& locations, bool all) {
  Lines lines;
  count_mounts(lines, locations);
  count_network(lines, locations);
  count_cgroups(lines, locations);
  count_processes(lines, locations);
  count_disk(lines, locations, all);
  count_locks(lines, locations.locks());
  std::sort(lines.begin(), lines.end());
  lines.erase(std::unique(lines.begin(), lines.end()), lines.end());
  return lines;
}

}  // namespace conductor::engine
