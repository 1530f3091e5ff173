// Which disk something lies on.
#pragma once

#include <string>

namespace conductor::linux {

struct DeviceNumber {
  unsigned major = 0, minor = 0;

  std::string text() const { return std::to_string(major) + ":" + std::to_string(minor); }
  bool operator==(const DeviceNumber&) const = default;
};

// The whole disk: of a block device, the one it is a part of; of any other path, the one its file system lies on.
// Throws Error with the kind of file system when that lies on no disk (overlay, tmpfs …).
DeviceNumber find_disk(const std::string& path);

}  // namespace conductor::linux
