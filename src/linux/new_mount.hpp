// A file system being configured (fsopen(2), fsconfig(2), fsmount(2)); shared by mount.cpp and overlay.cpp.
#pragma once

#include "base/error.hpp"
#include "linux/fd.hpp"

#include <cstdint>
#include <string>

namespace conductor::linux {

class FilesystemContext {
 public:
  explicit FilesystemContext(std::string type);
  // An empty value is a flag; the kernel takes at most 255 bytes. False and errno when it refuses.
  bool try_set(const char* key, const std::string& value);
  void set(const char* key, const std::string& value);
  Fd mount(std::uint64_t attributes);

 private:
  // errno, and what the kernel says about it in words.
  base::Error failure(const std::string& what) const;

  std::string type_;
  Fd fd_;
};

}  // namespace conductor::linux
