// A JSON value with ordered members (RFC 8259), and structs with fields() to and from it.
#pragma once

#include "base/error.hpp"
#include "base/fields.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace conductor::base {

class Json {
 public:
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  using Object = std::vector<Member>;  // in the order written; names are unique

  Json() = default;  // null
  Json(bool value) : value_(value) {}
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  Json(T value) : value_(static_cast<std::int64_t>(value)) {}
  Json(double value) : value_(value) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(Array value) : value_(std::move(value)) {}
  Json(Object value) : value_(std::move(value)) {}
  static Json object() { return Json(Object{}); }
  static Json array() { return Json(Array{}); }

  // Throws Error with line and column; refuses duplicate names, nesting over 64 and anything after the value.
  static Json parse(std::string_view text);
  // One line for indent 0, else indented by that many spaces. Strings are written as UTF-8; bytes that are not are
  // replaced.
  std::string dump(int indent = 0) const;

  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  const bool* boolean() const { return std::get_if<bool>(&value_); }
  const std::int64_t* integer() const { return std::get_if<std::int64_t>(&value_); }
  const double* number() const { return std::get_if<double>(&value_); }
  const std::string* string() const { return std::get_if<std::string>(&value_); }
  const Array* array_items() const { return std::get_if<Array>(&value_); }
  const Object* members() const { return std::get_if<Object>(&value_); }

  // The member of that name, or nullptr; nullptr too when this is no object.
  const Json* find(std::string_view name) const;
  // Appends or replaces a member; turns null into an object.
  Json& set(std::string name, Json value);
  // Appends an item; turns null into an array.
  Json& add(Json value);

  bool operator==(const Json&) const = default;

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> value_;
};

// --- structs
// ------------------------------------------------------------------------------------------------------------

[[noreturn]] void wrong_json_type(const char* expected);

template <class T>
Json to_json(const T& value);
// Members that are absent keep their defaults; members that are unknown are left alone (a record of a later version).
template <class T>
void from_json(const Json& json, T& value);

namespace detail {
template <class T>
struct JsonForm;

template <class T>
  requires(std::integral<T> && !std::same_as<T, bool>)
struct JsonForm<T> {
  static Json write(T v) { return Json(static_cast<std::int64_t>(v)); }
  static void read(const Json& j, T& v) {
    if (j.integer() == nullptr) wrong_json_type("a whole number");
    v = static_cast<T>(*j.integer());
  }
};
template <>
struct JsonForm<bool> {
  static Json write(bool v) { return Json(v); }
  static void read(const Json& j, bool& v) {
    if (j.boolean() == nullptr) wrong_json_type("true or false");
    v = *j.boolean();
  }
};
template <>
struct JsonForm<double> {
  static Json write(double v) { return Json(v); }
  static void read(const Json& j, double& v) {
    if (j.number() != nullptr)
      v = *j.number();
    else if (j.integer() != nullptr)
      v = static_cast<double>(*j.integer());
    else
      wrong_json_type("a number");
  }
};
template <>
struct JsonForm<std::string> {
  static Json write(const std::string& v) { return Json(v); }
  static void read(const Json& j, std::string& v) {
    if (j.string() == nullptr) wrong_json_type("a string");
    v = *j.string();
  }
};
template <>
struct JsonForm<Json> {
  static Json write(const Json& v) { return v; }
  static void read(const Json& j, Json& v) { v = j; }
};
template <class R, class P>
struct JsonForm<std::chrono::duration<R, P>> {  // whole nanoseconds
  using D = std::chrono::duration<R, P>;
  static Json write(D v) { return Json(std::chrono::duration_cast<std::chrono::nanoseconds>(v).count()); }
  static void read(const Json& j, D& v) {
    std::int64_t n = 0;
    from_json(j, n);
    v = std::chrono::duration_cast<D>(std::chrono::nanoseconds(n));
  }
};
template <NamedEnum E>
struct JsonForm<E> {
  static Json write(E v) { return Json(enum_name(v)); }
  static void read(const Json& j, E& v) {
    if (j.string() == nullptr || !enum_parse(*j.string(), v)) wrong_json_type("a known name");
  }
};
template <class T>
struct JsonForm<std::optional<T>> {  // null when absent
  static Json write(const std::optional<T>& v) { return v ? to_json(*v) : Json(); }
  static void read(const Json& j, std::optional<T>& v) {
    if (j.is_null()) return v.reset();
    from_json(j, v.emplace());
  }
};
template <class T>
struct JsonForm<std::vector<T>> {
  static Json write(const std::vector<T>& v) {
    Json::Array items;
    for (const auto& item : v) items.push_back(to_json<T>(item));
    return Json(std::move(items));
  }
  static void read(const Json& j, std::vector<T>& v) {
    v.clear();
    if (j.is_null()) return;
    if (j.array_items() == nullptr) wrong_json_type("a list");
    for (const auto& item : *j.array_items()) {
      T element{};
      from_json(item, element);
      v.push_back(std::move(element));
    }
  }
};
template <class T>
struct JsonForm<std::map<std::string, T>> {
  static Json write(const std::map<std::string, T>& v) {
    Json::Object members;
    for (const auto& [name, item] : v) members.emplace_back(name, to_json(item));
    return Json(std::move(members));
  }
  static void read(const Json& j, std::map<std::string, T>& v) {
    v.clear();
    if (j.is_null()) return;
    if (j.members() == nullptr) wrong_json_type("an object");
    for (const auto& [name, item] : *j.members()) from_json(item, v[name]);
  }
};
template <HasFields T>
struct JsonForm<T> {
  static Json write(const T& v) {
    Json::Object members;
    fields(v, [&](const char* name, const auto& member) { members.emplace_back(name, to_json(member)); });
    return Json(std::move(members));
  }
  static void read(const Json& j, T& v) {
    if (j.members() == nullptr) wrong_json_type("an object");
    fields(v, [&](const char* name, auto& member) {
      if (const Json* found = j.find(name); found != nullptr) {
        const Context context(name);
        from_json(*found, member);
      }
    });
  }
};
}  // namespace detail

template <class T>
Json to_json(const T& value) {
  return detail::JsonForm<T>::write(value);
}
template <class T>
void from_json(const Json& json, T& value) {
  detail::JsonForm<T>::read(json, value);
}

}  // namespace conductor::base
