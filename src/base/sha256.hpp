// SHA-256 (FIPS 180-4).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace conductor::base {

class Sha256 {
 public:
  Sha256();
  Sha256& update(std::string_view bytes);
  // A string with its length in front, so that no two lists of strings hash alike.
  Sha256& field(std::string_view bytes);
  // 64 lower-case hex digits; the object is done afterwards.
  std::string hex();

 private:
  struct alignas(8) State {
    std::array<std::uint32_t, 32> words;
  };
  State state_;
};

std::string sha256_hex(std::string_view bytes);

}  // namespace conductor::base
