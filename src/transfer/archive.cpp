// Archives: looked at by their first bytes here, read by conductor-transfer.
#include "base/error.hpp"
#include "transfer/helper.hpp"
#include "transfer/transfer.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

namespace conductor::transfer {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t block = 512;
constexpr std::size_t checksum_at = 148;
constexpr std::size_t checksum_size = 8;

std::string first_bytes(int file) {
  std::string bytes(block, '\0');
  ssize_t n = 0;
  do n = pread(file, bytes.data(), bytes.size(), 0);
  while (n < 0 && errno == EINTR);
  bytes.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return bytes;
}

bool is_compressed(std::string_view bytes) {
  constexpr std::array magics{"\x1f\x8b\x08"sv, "BZh"sv, "\xfd\x37zXZ\0"sv, "\x28\xb5\x2f\xfd"sv};
  // A frame of zstd to skip, which some compressors write first: 16 magic numbers.
  const bool skippable = bytes.size() >= 4 && (bytes[0] & 0xf0) == 0x50 && bytes.substr(1, 3) == "\x2a\x4d\x18"sv;
  return skippable || std::any_of(magics.begin(), magics.end(), [&](auto magic) { return bytes.starts_with(magic); });
}

// The header's own sum of its bytes, with blanks where the sum stands (tar(5)); some archivers took them as signed.
bool is_tar_header(std::string_view bytes) {
  if (bytes.size() < block) return false;
  long sum = 0;
  long signed_sum = 0;
  for (std::size_t i = 0; i < block; ++i) {
    const bool in_sum = i >= checksum_at && i < checksum_at + checksum_size;
    sum += in_sum ? ' ' : static_cast<unsigned char>(bytes[i]);
    signed_sum += in_sum ? ' ' : static_cast<signed char>(bytes[i]);
  }
  long written = 0;
  bool digits = false;
  for (const char c : bytes.substr(checksum_at, checksum_size)) {
    if (c >= '0' && c <= '7')
      written = written * 8 + (c - '0'), digits = true;
    else if (digits || (c != ' ' && c != '\0'))
      break;
  }
  return digits && (written == sum || written == signed_sum);
}

}  // namespace

bool is_archive(int file) {
  struct stat found{};
  if (fstat(file, &found) != 0 || !S_ISREG(found.st_mode)) return false;
  const std::string bytes = first_bytes(file);
  if (!is_compressed(bytes)) return is_tar_header(bytes);
  Order order{.mode = mode_probe, .request = {}, .file = file};
  return perform(order, {}, nullptr).archive;
}

Unpacked unpack(int archive, int directory, const UnpackLimits& limits, const Progress& progress,
                const linux::Cancellation* cancellation) {
  Order order{.mode = mode_unpack, .request = {}, .file = archive, .directory = directory};
  order.request.bytes = limits.bytes;
  order.request.entries = limits.entries;
  const Report report = perform(order, progress, cancellation);
  return {report.entries, report.bytes};
}

}  // namespace conductor::transfer
