#include "linux/block_device.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "linux/fd.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <optional>

namespace conductor::linux {
namespace {

using base::Error;

struct Place {
  std::string type;    // of the file system
  std::string source;  // what is mounted: "/dev/sda1"
};

// The mount a path lies on, by its number: the device number that stat(2) gives says nothing of a file system with
// several volumes (btrfs).
std::optional<Place> find_mount(const std::string& path) {
  struct statx found{};
  if (statx(AT_FDCWD, path.c_str(), 0, STATX_MNT_ID, &found) != 0 || (found.stx_mask & STATX_MNT_ID) == 0)
    return std::nullopt;
  const std::string number = std::to_string(found.stx_mnt_id) + " ";
  for (const auto& line : base::split(read_file("/proc/self/mountinfo"), '\n')) {
    if (!line.starts_with(number)) continue;
    const auto words = base::split(line.substr(line.find(" - ") + 3), ' ');
    if (words.size() > 1) return Place{words[0], words[1]};
  }
  return std::nullopt;
}

std::string sysfs_of(const DeviceNumber& device) { return "/sys/dev/block/" + device.text(); }

// Limits are kept by a disk's queue, which its partitions share.
DeviceNumber whole_disk(const DeviceNumber& device) {
  if (access((sysfs_of(device) + "/partition").c_str(), F_OK) != 0) return device;
  const auto numbers = base::split(base::trim(read_file(sysfs_of(device) + "/../dev")), ':');
  return {static_cast<unsigned>(base::parse_number(numbers.at(0)).value_or(0)),
          static_cast<unsigned>(base::parse_number(numbers.at(1)).value_or(0))};
}

DeviceNumber number_of(dev_t device) { return {major(device), minor(device)}; }

[[noreturn]] void refuse(const std::string& path, const std::optional<Place>& place) {
  throw Error("'" + base::escape_control(path) + "' lies on no disk" +
              (place ? ": its file system is " + base::escape_control(place->type) : ""))
      .with_hint("name a block device, or a folder of a file system that lies on one");
}

}  // namespace

DeviceNumber find_disk(const std::string& path) {
  struct stat found{};
  if (stat(path.c_str(), &found) != 0)
    throw Error::from_errno("looking for the disk of '" + base::escape_control(path) + "'");
  if (S_ISBLK(found.st_mode)) return whole_disk(number_of(found.st_rdev));
  if (S_ISCHR(found.st_mode)) throw Error("'" + base::escape_control(path) + "' is no block device");
  const DeviceNumber device = number_of(found.st_dev);
  if (device.major != 0) return whole_disk(device);
  const auto place = find_mount(path);
  if (!place || stat(place->source.c_str(), &found) != 0 || !S_ISBLK(found.st_mode)) refuse(path, place);
  return whole_disk(number_of(found.st_rdev));
}

}  // namespace conductor::linux
