// Headers of tar entries, byte for byte the same wherever they are written: ustar (POSIX.1-1988), with a PAX extended
// header (POSIX.1-2001) in front only where ustar has no room. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace conductor::image {

inline constexpr std::size_t tar_block = 512;

enum class TarType : char {
  file = '0',
  hard_link = '1',
  symbolic_link = '2',
  character_device = '3',
  block_device = '4',
  directory = '5',
  fifo = '6',
};

struct TarEntry {
  std::string name;  // relative to the root, without "./"; a directory's ends in "/"
  TarType type = TarType::file;
  unsigned mode = 0;  // permission bits, setuid, setgid, sticky
  std::int64_t uid = 0, gid = 0;
  std::int64_t size = 0;              // of the content that follows; 0 for all but files
  std::int64_t modified = 0;          // unix seconds
  std::string link;                   // target of a link: text of a symbolic one, an earlier name for a hard one
  std::int64_t major = 0, minor = 0;  // of a device
  std::map<std::string, std::string> attributes;  // extended attributes with their namespace, "user.x"
};

// All blocks before the content: 512 bytes, or more with an extended header. Owners are numbers, names of them are left
// out. An attribute whose name holds "=" cannot be written: throws Error.
std::string tar_header(const TarEntry& entry);

// Zeros from the end of the content to the next full block: how many.
constexpr std::size_t tar_padding(std::int64_t size) {
  const auto rest = static_cast<std::size_t>(size) % tar_block;
  return rest == 0 ? 0 : tar_block - rest;
}

// What ends an archive: two blocks of zeros.
inline constexpr std::size_t tar_end = 2 * tar_block;

}  // namespace conductor::image
