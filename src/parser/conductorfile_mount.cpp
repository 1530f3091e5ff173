// RUN --mount: comma-separated fields, each a key or key=value.
#include "base/text.hpp"
#include "base/units.hpp"
#include "parser/conductorfile.hpp"
#include "parser/diagnostics.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace conductor::parser {
namespace {

// Which types take a key: a letter each, as in "bctsS" for bind, cache, tmpfs, secret and ssh.
struct Key {
  std::string_view name;
  std::string_view same_as;  // the name it is known by
  std::string_view types;
};
// clang-format off
constexpr std::array keys{
    Key{"type",        "type",     "bctsS"},
    Key{"target",      "target",   "bctsS"}, Key{"dst", "target", "bctsS"}, Key{"destination", "target", "bctsS"},
    Key{"source",      "source",   "bcs"},   Key{"src", "source", "bcs"},
    Key{"from",        "from",     "bc"},
    Key{"id",          "id",       "csS"},
    Key{"readonly",    "readonly", "bctsS"}, Key{"ro", "readonly", "bctsS"},
    Key{"readwrite",   "readwrite","bctsS"}, Key{"rw", "readwrite", "bctsS"},
    Key{"sharing",     "sharing",  "c"},
    Key{"uid",         "uid",      "csS"},
    Key{"gid",         "gid",      "csS"},
    Key{"mode",        "mode",     "csS"},
    Key{"size",        "size",     "t"},
    Key{"required",    "required", "sS"},
    Key{"env",         "env",      "s"},
};
// clang-format on
constexpr std::array<std::string_view, 5> type_names{"bind", "cache", "tmpfs", "secret", "ssh"};
constexpr std::string_view type_letters = "bctsS";  // in the order of MountType

struct Field {
  std::string key;  // lower case, as written
  std::optional<std::string> value;
  std::string_view known_as;
};

class MountReader {
 public:
  MountReader(const Word& text, const Lookup& lookup, char escape) : text_(text), lookup_(lookup), escape_(escape) {}

  RunMount read() {
    for (const auto& written : separated()) fields_.push_back(field(written));
    read_type();
    for (const auto& one : fields_) apply(one);
    check();
    return mount_;
  }

 private:
  const Word& text_;
  const Lookup& lookup_;
  char escape_;
  std::vector<Field> fields_;
  RunMount mount_;
  std::set<std::string_view> given_;
  std::optional<bool> read_only_;

  [[noreturn]] void fail(std::string message, std::string hint = {}) const {
    throw base::SourceError({{text_.position, std::move(message), std::move(hint), base::Severity::error}},
                            std::string_view{});
  }

  std::string_view type_name() const { return type_names.at(static_cast<std::size_t>(mount_.type)); }

  // As CSV (RFC 4180): a field may be in double quotes, in which two stand for one.
  std::vector<std::string> separated() const {
    std::vector<std::string> fields(1);
    const std::string& text = text_.text;
    for (std::size_t at = 0; at < text.size(); ++at) {
      if (text[at] == ',') {
        fields.emplace_back();
      } else if (text[at] == '"' && (at == 0 || text[at - 1] == ',')) {
        for (++at;; ++at) {
          if (at >= text.size()) fail("quote in --mount is not closed");
          if (text[at] == '"' && !(at + 1 < text.size() && text[at + 1] == '"')) break;
          if (text[at] == '"') ++at;
          fields.back() += text[at];
        }
        if (at + 1 < text.size() && text[at + 1] != ',') fail("expected ',' after a quoted field of --mount");
      } else {
        fields.back() += text[at];
      }
    }
    return fields;
  }

  Field field(const std::string& written) const {
    const auto equals = written.find('=');
    Field result{base::lower(written.substr(0, equals)), {}, {}};
    if (equals != std::string::npos)
      result.value = expand({written.substr(equals + 1), text_.position}, lookup_, escape_);
    const auto known = std::find_if(keys.begin(), keys.end(), [&](const Key& key) { return key.name == result.key; });
    if (known == keys.end()) {
      std::vector<std::string> names;
      for (const auto& key : keys) names.emplace_back(key.name);
      fail("unknown key in --mount: " + show(result.key), suggestion(result.key, names));
    }
    result.known_as = known->same_as;
    return result;
  }

  void read_type() {
    for (const auto& one : fields_) {
      if (one.known_as != "type") continue;
      const std::string name = base::lower(needed(one));
      const auto found = std::find(type_names.begin(), type_names.end(), name);
      if (found == type_names.end())
        fail("unknown type of --mount: " + show(name), suggestion(name, {type_names.begin(), type_names.end()}));
      mount_.type = static_cast<MountType>(found - type_names.begin());
    }
  }

  const std::string& needed(const Field& one) const {
    if (!one.value) fail("--mount " + one.key + " needs a value", "write " + one.key + "=value");
    return *one.value;
  }

  bool boolean(const Field& one) const {
    if (!one.value) return true;
    const std::string word = base::lower(*one.value);
    if (word == "true" || word == "1" || word == "t") return true;
    if (word != "false" && word != "0" && word != "f")
      fail("--mount " + one.key + " cannot be " + show(*one.value), "expected true or false");
    return false;
  }

  std::uint32_t number(const Field& one) const {
    const auto value = base::parse_number(needed(one), INT32_MAX);
    if (!value) fail("--mount " + one.key + " cannot be " + show(*one.value), "expected a number");
    return static_cast<std::uint32_t>(*value);
  }

  unsigned mode(const Field& one) const {
    const std::string& text = needed(one);
    const auto digits = std::string_view(text).substr(std::min(text.find_first_not_of('0'), text.size()));
    unsigned value = 0;
    for (const char c : digits) value = value * 8 + static_cast<unsigned>(c - '0');
    if (text.empty() || text.find_first_not_of("01234567") != std::string::npos || digits.size() > 4)
      fail("--mount mode cannot be " + show(text), "expected an octal mode such as 0755");
    return value;
  }

  Sharing sharing(const Field& one) const {
    const std::string name = base::lower(needed(one));
    if (name == "shared") return Sharing::shared;
    if (name == "locked") return Sharing::locked;
    if (name != "private") fail("--mount sharing cannot be " + show(name), "expected shared, private or locked");
    return Sharing::exclusive;
  }

  void apply(const Field& one) {
    const auto key = one.known_as;
    const auto rule = std::find_if(keys.begin(), keys.end(), [&](const Key& known) { return known.name == key; });
    if (rule->types.find(type_letters[static_cast<std::size_t>(mount_.type)]) == std::string_view::npos)
      fail("--mount " + one.key + " is no key of type=" + std::string(type_name()), keys_of_type());
    given_.insert(key);
    if (key == "target") mount_.target = needed(one);
    if (key == "source") mount_.source = needed(one);
    if (key == "from") mount_.from = needed(one);
    if (key == "id") mount_.id = needed(one);
    if (key == "env") mount_.environment = needed(one);
    if (key == "readonly") read_only_ = boolean(one);
    if (key == "readwrite") read_only_ = !boolean(one);
    if (key == "required") mount_.required = boolean(one);
    if (key == "uid") mount_.uid = number(one);
    if (key == "gid") mount_.gid = number(one);
    if (key == "mode") mount_.mode = mode(one);
    if (key == "sharing") mount_.sharing = sharing(one);
    if (key == "size") {
      mount_.size = base::parse_size(needed(one));
      if (!mount_.size) fail("--mount size cannot be " + show(*one.value), "expected a size such as 64m");
    }
  }

  std::string keys_of_type() const {
    std::string names;
    const char letter = type_letters[static_cast<std::size_t>(mount_.type)];
    for (const auto& key : keys)
      if (key.name == key.same_as && key.types.find(letter) != std::string_view::npos)
        names += (names.empty() ? "it takes " : ", ") + std::string(key.name);
    return names;
  }

  // What the keys must be together, and the defaults of the type.
  void check() {
    mount_.read_only = read_only_.value_or(mount_.type != MountType::cache && mount_.type != MountType::tmpfs);
    const bool file_system =
        mount_.type == MountType::bind || mount_.type == MountType::cache || mount_.type == MountType::tmpfs;
    if (file_system && mount_.target.empty())
      fail("--mount type=" + std::string(type_name()) + " needs a target", "target=/path");
    if (mount_.type != MountType::secret) return;
    if (!mount_.source.empty() && !mount_.id.empty()) fail("--mount type=secret takes one of source and id");
    if (mount_.source.empty() && mount_.id.empty() && mount_.target.empty())
      fail("--mount type=secret needs an id or a target", "id=name");
  }
};

}  // namespace

RunMount parse_run_mount(const Word& text, const Lookup& lookup, char escape) {
  return MountReader(text, lookup, escape).read();
}

}  // namespace conductor::parser
