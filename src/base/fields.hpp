// A struct lists its members once, next to it:
//
//   struct Point { int x = 0; int y = 0; };
//   template <base::Is<Point> S, class V> void fields(S& s, V&& visit) { visit("x", s.x); visit("y", s.y); }
//
// JSON records, the monitor's wire form, hashes, differences and "unknown key, did you mean" all walk that list.
// An enum lists its names: `constexpr auto enum_names(Colour) { return std::array{std::pair{Colour::red, "red"}}; }`.
#pragma once

#include <array>
#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace conductor::base {

// S is T or const T.
template <class S, class T>
concept Is = std::same_as<std::remove_const_t<S>, T>;

struct IgnoreFields {
  template <class T>
  void operator()(const char*, T&) const {}
};

template <class T>
concept HasFields = requires(T& t) { fields(t, IgnoreFields{}); };

template <class E>
concept NamedEnum = std::is_enum_v<E> && requires(E e) { enum_names(e); };

template <NamedEnum E>
constexpr std::string_view enum_name(E value) {
  for (const auto& [candidate, name] : enum_names(value))
    if (candidate == value) return name;
  return "?";
}

// True and sets `value` when `name` is one of the enum's names.
template <NamedEnum E>
constexpr bool enum_parse(std::string_view name, E& value) {
  for (const auto& [candidate, known] : enum_names(E{}))
    if (name == known) return value = candidate, true;
  return false;
}

template <HasFields T>
std::vector<std::string> field_names() {
  std::vector<std::string> names;
  T sample{};
  fields(sample, [&](const char* name, auto&) { names.emplace_back(name); });
  return names;
}

}  // namespace conductor::base
