// Structs with fields() as bytes, for the two ends of one build (conductor and conductor-monitor): 8-byte little-endian
// numbers, length-prefixed strings and lists, members in order. Needs nothing but the language, so the monitor stays
// small.
#pragma once

#include "base/error.hpp"
#include "base/fields.hpp"

#include <chrono>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace conductor::base {

class WireWriter {
 public:
  std::string bytes;

  void put(std::uint64_t v) { bytes.append(reinterpret_cast<const char*>(&v), sizeof v); }
  template <class T>
  void write(const T& v) {
    if constexpr (std::integral<T> || std::is_enum_v<T>) {
      put(static_cast<std::uint64_t>(v));
    } else if constexpr (std::same_as<T, double>) {
      std::uint64_t raw = 0;
      std::memcpy(&raw, &v, sizeof raw);
      put(raw);
    } else if constexpr (std::same_as<T, std::string>) {
      put(v.size());
      bytes += v;
    } else if constexpr (HasFields<const T>) {
      fields(v, [this](const char*, const auto& member) { this->write(member); });
    } else {
      write_container(v);
    }
  }

 private:
  template <class R, class P>
  void write_container(const std::chrono::duration<R, P>& v) {
    put(static_cast<std::uint64_t>(std::chrono::nanoseconds(v).count()));
  }
  template <class T>
  void write_container(const std::optional<T>& v) {
    put(v.has_value());
    if (v) write(*v);
  }
  template <class T>
  void write_container(const std::vector<T>& v) {
    put(v.size());
    for (const auto& item : v) write(item);
  }
  template <class K, class T>
  void write_container(const std::map<K, T>& v) {
    put(v.size());
    for (const auto& [key, item] : v) write(key), write(item);
  }
};

// Throws Error when the bytes end too early or are left over (finish).
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : rest_(bytes) {}

  std::uint64_t get() {
    std::uint64_t v = 0;
    std::memcpy(&v, take(sizeof v).data(), sizeof v);
    return v;
  }
  template <class T>
  void read(T& v) {
    if constexpr (std::integral<T> || std::is_enum_v<T>) {
      v = static_cast<T>(get());
    } else if constexpr (std::same_as<T, double>) {
      const std::uint64_t raw = get();
      std::memcpy(&v, &raw, sizeof v);
    } else if constexpr (std::same_as<T, std::string>) {
      v = take(get());
    } else if constexpr (HasFields<T>) {
      fields(v, [this](const char*, auto& member) { this->read(member); });
    } else {
      read_container(v);
    }
  }
  void finish() const {
    if (!rest_.empty()) throw Error("message is longer than expected");
  }

 private:
  std::string_view rest_;

  std::string_view take(std::uint64_t size) {
    if (size > rest_.size()) throw Error("message ends too early");
    const auto part = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return part;
  }
  template <class R, class P>
  void read_container(std::chrono::duration<R, P>& v) {
    v = std::chrono::duration_cast<std::chrono::duration<R, P>>(
        std::chrono::nanoseconds(static_cast<std::int64_t>(get())));
  }
  template <class T>
  void read_container(std::optional<T>& v) {
    v.reset();
    if (get() != 0) read(v.emplace());
  }
  template <class T>
  void read_container(std::vector<T>& v) {
    v.clear();
    for (std::uint64_t n = get(); n > 0; --n) read(v.emplace_back());
  }
  template <class K, class T>
  void read_container(std::map<K, T>& v) {
    v.clear();
    for (std::uint64_t n = get(); n > 0; --n) {
      K key{};
      read(key);
      read(v[key]);
    }
  }
};

template <class T>
std::string to_wire(const T& value) {
  WireWriter writer;
  writer.write(value);
  return std::move(writer.bytes);
}

template <class T>
T from_wire(std::string_view bytes) {
  WireReader reader(bytes);
  T value{};
  reader.read(value);
  reader.finish();
  return value;
}

}  // namespace conductor::base
