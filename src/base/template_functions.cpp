// What a template can call.
#include "base/error.hpp"
#include "base/template_tree.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>

namespace conductor::base {

namespace {

using Values = std::vector<TemplateValue>;

[[noreturn]] void refuse(const std::string& what) { throw Error("template: " + what); }

TemplateValue made(std::string text) { return {Json(std::move(text)), true}; }

std::int64_t number_of(const TemplateValue& value, const char* function) {
  if (value.json.integer() == nullptr) refuse(std::string(function) + " takes a whole number there");
  return *value.json.integer();
}

TemplateValue json(const Values& values) { return made(values[0].json.dump()); }
TemplateValue lower_case(const Values& values) { return made(lower(template_text(values[0]))); }
TemplateValue upper_case(const Values& values) { return made(upper(template_text(values[0]))); }

TemplateValue title_case(const Values& values) {
  std::string text = template_text(values[0]);
  bool begins = true;
  for (char& c : text) {
    if (begins) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    begins = c == ' ';
  }
  return made(text);
}

TemplateValue join_list(const Values& values) {
  const auto* items = values[0].json.array_items();
  if (items == nullptr && !values[0].json.is_null()) refuse("join takes a list and what stands between");
  std::vector<std::string> texts;
  if (items != nullptr)
    for (const auto& item : *items) texts.push_back(template_text({item}));
  return made(join(texts, template_text(values[1])));
}

TemplateValue split_text(const Values& values) {
  const std::string text = template_text(values[0]), separator = template_text(values[1]);
  if (separator.size() != 1) refuse("split takes a text and one character");
  Json list = Json::array();
  for (auto& piece : split(text, separator.front())) list.add(std::move(piece));
  return {list, true};
}

TemplateValue length(const Values& values) {
  const Json& value = values[0].json;
  if (value.string() != nullptr) return {Json(value.string()->size()), true};
  if (value.array_items() != nullptr) return {Json(value.array_items()->size()), true};
  if (value.members() != nullptr) return {Json(value.members()->size()), true};
  if (value.is_null()) return {Json(0), true};
  refuse("len takes a text, a list or an object");
}

// What is not there is null, as an absent key of a map is empty in Go; a position outside of a list is a mistake.
TemplateValue index(const Values& values) {
  Json found = values[0].json;
  for (std::size_t i = 1; i < values.size(); ++i) {
    if (const auto* items = found.array_items()) {
      const std::int64_t position = number_of(values[i], "index");
      if (position < 0 || static_cast<std::size_t>(position) >= items->size())
        refuse("index " + std::to_string(position) + " of a list of " + std::to_string(items->size()));
      found = Json((*items)[static_cast<std::size_t>(position)]);
    } else if (found.members() != nullptr || found.is_null()) {
      const Json* member = values[i].json.string() == nullptr ? nullptr : found.find(*values[i].json.string());
      found = member == nullptr ? Json() : Json(*member);
    } else {
      refuse("index takes a list or an object");
    }
  }
  return {found, values[0].own};
}

TemplateValue truncate(const Values& values) {
  const std::string text = template_text(values[0]);
  const auto size = std::max<std::int64_t>(0, number_of(values[1], "truncate"));
  std::size_t end = std::min(text.size(), static_cast<std::size_t>(size));
  while (end > 0 && end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return made(text.substr(0, end));
}

TemplateValue pad(const Values& values) {
  constexpr std::int64_t most = 1000;
  const auto blanks = [&](std::size_t i) {
    return std::string(static_cast<std::size_t>(std::clamp<std::int64_t>(number_of(values[i], "pad"), 0, most)), ' ');
  };
  return made(blanks(1) + template_text(values[0]) + blanks(2));
}

// Go puts blanks between operands of which neither is a text.
TemplateValue print(const Values& values) {
  std::string text;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const bool blank = i > 0 && values[i].json.string() == nullptr && values[i - 1].json.string() == nullptr;
    text += (blank ? " " : "") + template_text(values[i]);
  }
  return made(text);
}

TemplateValue print_line(const Values& values) {
  std::vector<std::string> texts;
  texts.reserve(values.size());
  for (const auto& value : values) texts.push_back(template_text(value));
  return made(join(texts, " ") + "\n");
}

// --- printf
// -------------------------------------------------------------------------------------------------------------

std::string padded(std::string text, const std::string& flags) {
  constexpr std::size_t most = 1000;
  const auto digits = flags.find_first_of("123456789");
  const std::size_t width = digits == std::string::npos ? 0 : std::stoul(flags.substr(digits, 3));
  if (text.size() >= width) return text;
  const std::string blanks(std::min(width, most) - text.size(), ' ');
  return flags.find('-') == std::string::npos ? blanks + text : text + blanks;
}

std::string integer_text(const TemplateValue& value, const std::string& flags, char verb) {
  if (value.json.integer() == nullptr)
    refuse(std::string("printf: %") + verb + " takes a whole number, not " + template_text(value));
  std::array<char, 64> text{};
  const bool zeros = flags.starts_with('0');
  const char* form = verb == 'x' ? "%llx" : verb == 'o' ? "%llo" : "%lld";
  std::snprintf(text.data(), text.size(), form, static_cast<long long>(*value.json.integer()));
  std::string result = padded(text.data(), flags);
  if (zeros) std::replace(result.begin(), result.end(), ' ', '0');
  return result;
}

std::string float_text(const TemplateValue& value, const std::string& flags) {
  double number = 0;
  if (value.json.number() != nullptr)
    number = *value.json.number();
  else if (value.json.integer() != nullptr)
    number = static_cast<double>(*value.json.integer());
  else
    refuse("printf: %f takes a number, not " + template_text(value));
  const auto dot = flags.find('.');
  const int digits = dot == std::string::npos ? 6 : std::atoi(flags.c_str() + dot + 1);
  std::array<char, 400> text{};
  std::snprintf(text.data(), text.size(), "%.*f", std::min(digits, 20), number);
  return padded(text.data(), flags.substr(0, dot));
}

std::string one_verb(char verb, const std::string& flags, const TemplateValue& value) {
  switch (verb) {
    case 's':
    case 'v':
      return padded(template_text(value), flags);
    case 'q':
      return padded(Json(template_text(value)).dump(), flags);
    case 'd':
    case 'x':
    case 'o':
      return integer_text(value, flags, verb);
    case 'f':
      return float_text(value, flags);
    case 't':
      return padded(template_truth(value.json) ? "true" : "false", flags);
    default:
      refuse(std::string("printf: %") + verb + " is not supported; %s %v %q %d %x %o %f %t are");
  }
}

TemplateValue print_formatted(const Values& values) {
  const std::string format = template_text(values[0]);
  std::size_t next = 1;
  std::string text;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      text += format[i];
      continue;
    }
    const auto verb = format.find_first_not_of("-+ #.0123456789", i + 1);
    if (verb == std::string::npos) refuse("printf: '%' without what is to be printed");
    const std::string flags = format.substr(i + 1, verb - i - 1);
    i = verb;
    if (format[verb] == '%') {
      text += '%';
      continue;
    }
    if (next >= values.size()) refuse("printf: there is no value for %" + flags + format[verb]);
    text += one_verb(format[verb], flags, values[next++]);
  }
  if (next < values.size()) refuse("printf: more values than its text has places for");
  return made(text);
}

// --- comparing
// -------------------------------------------------------------------------------------------------------------

TemplateValue equal(const Values& values) {
  return {Json(std::any_of(values.begin() + 1, values.end(),
                           [&](const TemplateValue& other) { return other.json == values[0].json; })),
          true};
}
TemplateValue unequal(const Values& values) { return {Json(values[0].json != values[1].json), true}; }
TemplateValue negated(const Values& values) { return {Json(!template_truth(values[0].json)), true}; }

// Less than 0, 0 or more.
int compared(const Values& values) {
  const Json &a = values[0].json, &b = values[1].json;
  if (a.string() != nullptr && b.string() != nullptr) return a.string()->compare(*b.string());
  const auto number = [](const Json& json) {
    if (json.integer() != nullptr) return static_cast<double>(*json.integer());
    if (json.number() == nullptr) refuse("lt, le, gt and ge compare two numbers or two texts");
    return *json.number();
  };
  const double x = number(a), y = number(b);
  return x < y ? -1 : x > y ? 1 : 0;
}
TemplateValue less(const Values& values) { return {Json(compared(values) < 0), true}; }
TemplateValue at_most(const Values& values) { return {Json(compared(values) <= 0), true}; }
TemplateValue more(const Values& values) { return {Json(compared(values) > 0), true}; }
TemplateValue at_least(const Values& values) { return {Json(compared(values) >= 0), true}; }

TemplateValue lazy(const Values& values) { return values.back(); }  // and, or: the tree's business

struct Function {
  std::string_view name;
  std::size_t least, most;  // arguments
  TemplateValue (*call)(const Values&);
};
constexpr std::size_t any = 1000;
constexpr std::array functions = {
    Function{"json", 1, 1, json},
    Function{"lower", 1, 1, lower_case},
    Function{"upper", 1, 1, upper_case},
    Function{"title", 1, 1, title_case},
    Function{"join", 2, 2, join_list},
    Function{"split", 2, 2, split_text},
    Function{"len", 1, 1, length},
    Function{"index", 1, any, index},
    Function{"truncate", 2, 2, truncate},
    Function{"pad", 3, 3, pad},
    Function{"print", 0, any, print},
    Function{"println", 0, any, print_line},
    Function{"printf", 1, any, print_formatted},
    Function{"eq", 2, any, equal},
    Function{"ne", 2, 2, unequal},
    Function{"lt", 2, 2, less},
    Function{"le", 2, 2, at_most},
    Function{"gt", 2, 2, more},
    Function{"ge", 2, 2, at_least},
    Function{"not", 1, 1, negated},
    Function{"and", 1, any, lazy},
    Function{"or", 1, any, lazy},
};

const Function& find(const std::string& name) {
  std::vector<std::string> names;
  for (const auto& function : functions) {
    if (function.name == name) return function;
    names.emplace_back(function.name);
  }
  const std::string meant = did_you_mean(name, names);
  refuse("there is no function '" + escape_control(name) + "'" +
         (meant.empty() ? "; there are " + join(names, ", ") : meant));
}

}  // namespace

void require_template_function(const std::string& name) { find(name); }

TemplateValue call_template_function(const std::string& name, const std::vector<TemplateValue>& arguments) {
  const Function& function = find(name);
  if (arguments.size() < function.least || arguments.size() > function.most)
    refuse(name + " takes " + std::to_string(function.least) + (function.most == any ? " values or more" : " values") +
           ", not " + std::to_string(arguments.size()));
  return function.call(arguments);
}

}  // namespace conductor::base
