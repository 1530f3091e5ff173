// Devices of the host that a container asks for.
#include "base/text.hpp"
#include "base/units.hpp"
#include "engine/confinement.hpp"
#include "linux/fd.hpp"
#include "store/records.hpp"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace conductor::engine {

namespace {

using base::Error;

constexpr std::size_t most_nodes = 4096;

bool is_access(const std::string& text) {
  if (text.empty() || text.find_first_not_of("rwm") != std::string::npos) return false;
  return std::all_of(text.begin(), text.end(), [&](char c) { return std::ranges::count(text, c) == 1; });
}

// Names of /dev that a container has of its own.
bool is_taken(const std::string& target) {
  static constexpr std::array<std::string_view, 9> taken = {"pts",    "shm",    "mqueue", "fd",     "stdin",
                                                            "stdout", "stderr", "ptmx",   "console"};
  const std::string first = target.substr(5, target.find('/', 5) - 5);
  return std::find(taken.begin(), taken.end(), first) != taken.end();
}

bool is_plain_path(const std::string& path) {
  for (const auto& part : base::split(std::string_view(path).substr(1), '/'))
    if (part.empty() || part == "." || part == "..") return false;
  return true;
}

std::int64_t device_number(const std::string& text, const std::string& all) {
  if (text == "*") return -1;
  constexpr std::int64_t largest = 0xFFFFF;
  const auto number = base::parse_number(text, largest);
  if (!number) throw Error("the device rule '" + base::escape_control(all) + "' has a number that is none");
  return *number;
}

void add_node(DeviceAccess& access, const DeviceConfig& wanted, const struct stat& found) {
  if (access.nodes.size() == most_nodes)
    throw Error("more than " + std::to_string(most_nodes) + " devices are asked for");
  monitor::Device node;
  node.source = wanted.source;
  node.target = wanted.target;
  node.type = S_ISBLK(found.st_mode) ? 'b' : 'c';
  node.major = major(found.st_rdev);
  node.minor = minor(found.st_rdev);
  node.mode = found.st_mode & 0777;
  node.uid = found.st_uid;
  node.gid = found.st_gid;
  access.rules.push_back({node.type, node.major, node.minor, wanted.access});
  access.nodes.push_back(std::move(node));
}

bool is_device(const struct stat& found) { return S_ISCHR(found.st_mode) || S_ISBLK(found.st_mode); }

// Of a directory all nodes below it; links in it lead nowhere.
void add_nodes_below(DeviceAccess& access, const DeviceConfig& directory) {
  for (const auto& name : store::list_directory(directory.source)) {
    const DeviceConfig below{directory.source + "/" + name, directory.target + "/" + name, directory.access};
    struct stat found{};
    if (lstat(below.source.c_str(), &found) != 0) continue;
    if (S_ISDIR(found.st_mode))
      add_nodes_below(access, below);
    else if (is_device(found) && !is_taken(below.target))
      add_node(access, below, found);
  }
}

}  // namespace

DeviceConfig parse_device(const std::string& text) {
  const auto parts = base::split(text, ':');
  const auto refuse = [&](const std::string& why) {
    return Error("the device '" + base::escape_control(text) + "' " + why)
        .with_hint("a device is written SOURCE[:TARGET][:rwm], /dev/fuse or /dev/ttyUSB0:/dev/modem:rw");
  };
  DeviceConfig device;
  device.source = device.target = parts.front();
  if (parts.size() > 3) throw refuse("has too many parts");
  if (parts.size() > 1 && is_access(parts.back())) device.access = parts.back();
  if (parts.size() == 3 && !is_access(parts[2])) throw refuse("may be read, written and made: some of r, w and m");
  if (parts.size() == 3 || (parts.size() == 2 && !is_access(parts[1]))) device.target = parts[1];
  if (!device.source.starts_with('/')) throw refuse("is not named by an absolute path");
  if (!device.target.starts_with("/dev/") || !is_plain_path(device.target)) throw refuse("has its place below /dev");
  if (is_taken(device.target)) throw refuse("has a place that a container needs for itself");
  return device;
}

linux::DeviceRule parse_device_rule(const std::string& text) {
  const auto words = base::split(text, ' ');
  const auto refuse = [&] {
    return Error("the device rule '" + base::escape_control(text) + "' is not TYPE MAJOR:MINOR ACCESS")
        .with_hint("TYPE is a, b or c, a number may be *, ACCESS is some of r, w and m: 'c 189:* rwm'");
  };
  if (words.size() != 3 || words[0].size() != 1 || words[0].find_first_of("abc") != 0 || !is_access(words[2]))
    throw refuse();
  const auto numbers = base::split(words[1], ':');
  if (numbers.size() != 2) throw refuse();
  return {words[0].front(), device_number(numbers[0], text), device_number(numbers[1], text), words[2]};
}

DeviceAccess devices_of(const ContainerConfig& config) {
  DeviceAccess access;
  for (const auto& device : config.devices) {
    struct stat found{};
    const base::Context context("device " + base::escape_control(device.source));
    if (stat(device.source.c_str(), &found) != 0) throw Error::from_errno("cannot look at it");
    if (S_ISDIR(found.st_mode)) {
      const auto before = access.nodes.size();
      add_nodes_below(access, device);
      if (access.nodes.size() == before) throw Error("there is no device in this directory");
    } else if (is_device(found)) {
      add_node(access, device, found);
    } else {
      throw Error("it is no device");
    }
  }
  for (const auto& rule : config.device_rules) {
    const auto parsed = parse_device_rule(rule);
    if (parsed.type != 'a') {
      access.rules.push_back(parsed);
      continue;
    }
    for (const char type : {'b', 'c'}) access.rules.push_back({type, parsed.major, parsed.minor, parsed.access});
  }
  return access;
}

}  // namespace conductor::engine
