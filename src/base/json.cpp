#include "base/json.hpp"

#include <nlohmann/json.hpp>

namespace conductor::base {
namespace {

// Builds a Json from nlohmann's events: that library reads the text, the value and its limits are ours.
class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  Json result;
  std::string problem;

  bool null() override { return put(Json()); }
  bool boolean(bool v) override { return put(Json(v)); }
  bool number_integer(number_integer_t v) override { return put(Json(v)); }
  bool number_unsigned(number_unsigned_t v) override {
    if (v > static_cast<number_unsigned_t>(INT64_MAX)) return put(Json(static_cast<double>(v)));
    return put(Json(static_cast<std::int64_t>(v)));
  }
  bool number_float(number_float_t v, const string_t&) override { return put(Json(v)); }
  bool string(string_t& v) override { return put(Json(std::move(v))); }
  bool binary(binary_t&) override { return fail("binary data"); }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    if (stack_.back().find(name) != nullptr) return fail("the name \"" + name + "\" is given twice");
    names_.back() = name;
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& e) override {
    return fail(e.what());
  }

 private:
  static constexpr std::size_t max_depth = 64;
  std::vector<Json> stack_;
  std::vector<std::string> names_;

  bool fail(std::string why) {
    if (problem.empty()) problem = std::move(why);
    return false;
  }
  bool open(Json container) {
    if (stack_.size() == max_depth) return fail("nested too deeply");
    stack_.push_back(std::move(container));
    names_.emplace_back();
    return true;
  }
  bool close() {
    Json done = std::move(stack_.back());
    stack_.pop_back();
    names_.pop_back();
    return put(std::move(done));
  }
  bool put(Json value) {
    if (stack_.empty())
      result = std::move(value);
    else if (stack_.back().members() != nullptr)
      stack_.back().set(names_.back(), std::move(value));
    else
      stack_.back().add(std::move(value));
    return true;
  }
};

void write_string(std::string& out, const std::string& text) {
  out += nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void new_line(std::string& out, int indent, int depth) {
  if (indent == 0) return;
  out += '\n';
  out.append(static_cast<std::size_t>(indent * depth), ' ');
}

void write(std::string& out, const Json& value, int indent, int depth) {
  if (const auto* v = value.boolean()) {
    out += *v ? "true" : "false";
  } else if (const auto* n = value.integer()) {
    out += std::to_string(*n);
  } else if (const auto* d = value.number()) {
    out += nlohmann::json(*d).dump();
  } else if (const auto* s = value.string()) {
    write_string(out, *s);
  } else if (const auto* items = value.array_items()) {
    out += '[';
    for (std::size_t i = 0; i < items->size(); ++i) {
      if (i != 0) out += ',';
      new_line(out, indent, depth + 1);
      write(out, (*items)[i], indent, depth + 1);
    }
    if (!items->empty()) new_line(out, indent, depth);
    out += ']';
  } else if (const auto* members = value.members()) {
    out += '{';
    for (std::size_t i = 0; i < members->size(); ++i) {
      if (i != 0) out += ',';
      new_line(out, indent, depth + 1);
      write_string(out, (*members)[i].first);
      out += indent == 0 ? ":" : ": ";
      write(out, (*members)[i].second, indent, depth + 1);
    }
    if (!members->empty()) new_line(out, indent, depth);
    out += '}';
  } else {
    out += "null";
  }
}

}  // namespace

Json Json::parse(std::string_view text) {
  Builder builder;
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &builder))
    throw Error("not valid JSON: " + (builder.problem.empty() ? "unreadable" : builder.problem));
  return std::move(builder.result);
}

std::string Json::dump(int indent) const {
  std::string out;
  write(out, *this, indent, 0);
  return out;
}

const Json* Json::find(std::string_view name) const {
  if (members() == nullptr) return nullptr;
  for (const auto& [known, value] : *members())
    if (known == name) return &value;
  return nullptr;
}

Json& Json::set(std::string name, Json value) {
  if (is_null()) value_ = Object{};
  auto& all = std::get<Object>(value_);
  for (auto& [known, old] : all)
    if (known == name) return old = std::move(value), *this;
  all.emplace_back(std::move(name), std::move(value));
  return *this;
}

Json& Json::add(Json value) {
  if (is_null()) value_ = Array{};
  std::get<Array>(value_).push_back(std::move(value));
  return *this;
}

void wrong_json_type(const char* expected) { throw Error(std::string("expected ") + expected); }

}  // namespace conductor::base
