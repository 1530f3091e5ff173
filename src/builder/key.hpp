// One key of the build cache while it is put together: names and values, each with its length.
#pragma once

#include "base/sha256.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace conductor::builder {

class Key {
 public:
  Key(std::string_view kind, std::string_view chain) { hash_.field(version).field(kind).field(chain); }

  Key& add(std::string_view name, std::string_view value) {
    hash_.field(name).field(value);
    return *this;
  }
  Key& add(std::string_view name, std::uint64_t value) { return add(name, std::to_string(value)); }
  Key& add(std::string_view name, const std::vector<std::string>& values) {
    add(name, values.size());
    for (const auto& value : values) hash_.field(value);
    return *this;
  }
  std::string hex() { return hash_.hex(); }  // 64 digits; the object is done afterwards

 private:
  static constexpr std::string_view version = "conductor build step 2";  // raised when a step comes to mean another
  base::Sha256 hash_;
};

}  // namespace conductor::builder
