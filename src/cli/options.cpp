#include "cli/options.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "linux/process.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstddef>
#include <map>

namespace conductor::cli {

namespace {
// CLI11 reads "--name=" as an option whose value is the next word. A byte of ours behind the sign keeps the value
// empty; it is taken away again from whatever comes out, so every word arrives as it was typed.
constexpr char mark = '\1';
}  // namespace

struct Options::Declared {
  std::string names;        // "-d,--detach"
  std::string placeholder;  // empty: a flag
  std::string help;
};

struct Options::Implementation {
  std::string command;
  std::string summary;
  CLI::App app;
  std::vector<Declared> declared;
  std::map<std::string, std::string> unsupported;  // names of options, and what there is instead
  std::vector<std::string> family;                 // names of options that stand before the command
  struct Word {
    std::string name;
    std::string* value;
    bool required;
  };
  std::vector<Word> words;
  std::string rest_name;
  std::vector<std::string>* rest = nullptr;
  std::size_t rest_minimum = 0;
  bool untouched = false;  // options end at the first word
  std::vector<std::string> notes;

  std::vector<std::string> known_names() const {
    std::vector<std::string> names;
    for (const auto& option : declared)
      for (auto& name : base::split(option.names, ',')) names.push_back(std::move(name));
    return names;
  }
  // As messages call it: "--memory" of "-m,--memory".
  static std::string spoken(const std::string& names) {
    const auto all = base::split(names, ',');
    for (const auto& name : all)
      if (name.starts_with("--")) return name;
    return all.front();
  }
  bool has(const std::string& name) const {
    const auto names = known_names();
    return std::find(names.begin(), names.end(), name) != names.end();
  }
  [[noreturn]] void refuse(const std::string& message) const {
    throw base::Error(message).with_exit_code(base::exit_usage).with_hint("see 'conductor " + command + " --help'");
  }
  [[noreturn]] void refuse_option(const std::string& word) const;
  void add(const std::string& names, const std::string& help, const std::string& placeholder, bool repeatable,
           std::function<void(const std::string&)> take);
  void distribute(std::vector<std::string> found);
};

// Says why a word with a dash in front is no option: docker's but not ours, or misspelt.
void Options::Implementation::refuse_option(const std::string& word) const {
  const std::string name = word.substr(0, word.find('='));
  const std::string shown = base::escape_control(name);
  if (const auto found = unsupported.find(name); found != unsupported.end()) {
    if (found->second.empty()) refuse("option " + shown + " is not supported yet");
    throw base::Error("option " + shown + " is not supported")
        .with_exit_code(base::exit_usage)
        .with_hint(found->second);
  }
  if (std::find(family.begin(), family.end(), name) != family.end()) {
    const auto blank = command.find(' ');
    refuse("option " + shown + " stands before '" + command.substr(blank + 1) + "': conductor " +
           command.substr(0, blank) + " " + shown + " … " + command.substr(blank + 1));
  }
  auto names = known_names();
  names.emplace_back("--help");
  refuse("unknown option " + shown + base::did_you_mean(name, names));
}

void Options::Implementation::add(const std::string& names, const std::string& help, const std::string& placeholder,
                                  bool repeatable, std::function<void(const std::string&)> take) {
  declared.push_back({names, placeholder, help});
  auto* option = app.add_option(names, [take = std::move(take)](const std::vector<std::string>& values) {
    for (const auto& value : values) take(value == std::string(1, mark) ? "" : value);
    return true;
  });
  // One value each time it is named; of one that is not repeatable the last counts, as docker has it.
  option->type_size(1)->expected(repeatable ? -1 : 1)->allow_extra_args(false);
  option->multi_option_policy(repeatable ? CLI::MultiOptionPolicy::TakeAll : CLI::MultiOptionPolicy::TakeLast);
}

Options::Options(std::string command, std::string summary) : implementation_(std::make_unique<Implementation>()) {
  implementation_->command = std::move(command);
  implementation_->summary = std::move(summary);
  implementation_->app.set_help_flag();
}

Options::~Options() = default;

void Options::flag(const std::string& names, bool& value, const std::string& help) {
  implementation_->declared.push_back({names, {}, help});
  implementation_->app.add_flag(names, value)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

void Options::option(const std::string& names, std::string& value, const std::string& help,
                     const std::string& placeholder) {
  implementation_->add(names, help, placeholder, false, [&value](const std::string& text) { value = text; });
}

void Options::option(const std::string& names, std::optional<std::string>& value, const std::string& help,
                     const std::string& placeholder) {
  implementation_->add(names, help, placeholder, false, [&value](const std::string& text) { value = text; });
}

void Options::option(const std::string& names, std::vector<std::string>& values, const std::string& help,
                     const std::string& placeholder) {
  implementation_->add(names, help, placeholder, true, [&values](const std::string& text) { values.push_back(text); });
}

void Options::flag_or_option(const std::string& names, std::vector<std::string>& values, const std::string& help,
                             const std::string& placeholder) {
  implementation_->declared.push_back({names, "[=" + placeholder + "]", help});
  const auto take = [&values](const std::vector<std::string>& found) {
    for (const auto& value : found) values.push_back(value == std::string(1, mark) ? "" : value);
    return true;
  };
  // As a flag, so that the next word is left alone; as an option's callback, so that the values arrive as typed.
  implementation_->app.add_option(names, take)
      ->type_size(0)
      ->expected(0)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void Options::number(const std::string& names, std::optional<std::int64_t>& value, const std::string& help,
                     const std::string& placeholder) {
  const auto* self = implementation_.get();
  implementation_->add(names, help, placeholder, false, [self, names, &value](const std::string& text) {
    value = base::parse_number(text);
    if (!value)
      self->refuse("option " + self->spoken(names) + " takes a whole number, not '" + base::escape_control(text) + "'");
  });
}

void Options::size(const std::string& names, std::optional<std::int64_t>& value, const std::string& help) {
  const auto* self = implementation_.get();
  implementation_->add(names, help, "SIZE", false, [self, names, &value](const std::string& text) {
    value = base::parse_size(text);
    if (!value)
      self->refuse("option " + self->spoken(names) + " takes a size such as 64m or 1g, not '" +
                   base::escape_control(text) + "'");
  });
}

void Options::unsupported(std::string_view names) { refused(names, {}); }

void Options::refused(std::string_view names, const std::string& reason) {
  for (const auto& name : base::split(names, ' '))
    if (!name.empty()) implementation_->unsupported[name] = reason;
}

void Options::mention(const Options& family) { implementation_->family = family.implementation_->known_names(); }

void Options::word(const std::string& name, std::string& value) {
  implementation_->words.push_back({name, &value, true});
}

void Options::optional_word(const std::string& name, std::string& value) {
  implementation_->words.push_back({name, &value, false});
}

void Options::words(const std::string& name, std::vector<std::string>& values, std::size_t minimum) {
  implementation_->rest_name = name;
  implementation_->rest = &values;
  implementation_->rest_minimum = minimum;
}

void Options::rest(const std::string& name, std::vector<std::string>& values, std::size_t minimum) {
  words(name, values, minimum);
  implementation_->untouched = true;
  implementation_->app.prefix_command();
}

void Options::note(const std::string& text) { implementation_->notes.push_back(text); }

// --- parsing
// ------------------------------------------------------------------------------------------------------------

namespace {

bool is_marked_form(const std::string& word) {
  const auto end = word.find_last_not_of(mark);
  return word.starts_with("--") && end != std::string::npos && word[end] == '=';
}
std::string with_mark(const std::string& word) { return is_marked_form(word) ? word + mark : word; }
std::string without_mark(std::string word) {
  if (is_marked_form(word) && word.back() == mark) word.pop_back();
  return word;
}

bool looks_like_option(const std::string& word) { return word.size() > 1 && word.front() == '-' && word != "--"; }

}  // namespace

// Gives the words that are no options to those who asked for them, in order.
void Options::Implementation::distribute(std::vector<std::string> found) {
  std::size_t next = 0;
  for (const auto& word : words) {
    if (next < found.size())
      *word.value = std::move(found[next++]);
    else if (word.required)
      refuse("'" + command + "' needs " + word.name);
  }
  found.erase(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(next));
  if (rest == nullptr) {
    if (!found.empty()) refuse("'" + command + "' does not take '" + base::escape_control(found.front()) + "'");
    return;
  }
  if (found.size() < rest_minimum) refuse("'" + command + "' needs " + rest_name);
  *rest = std::move(found);
}

void Options::parse(const std::vector<std::string>& words) {
  auto& self = *implementation_;
  bool help_wanted = false;
  self.app.add_flag(self.has("-h") ? "--help" : "-h,--help", help_wanted);
  if (!self.untouched) self.app.allow_extras();
  std::vector<std::string> reversed;  // as CLI11 takes them
  for (const auto& word : words) reversed.push_back(with_mark(word));
  std::reverse(reversed.begin(), reversed.end());
  try {
    self.app.parse(std::move(reversed));
  } catch (const CLI::ArgumentMismatch& e) {
    const std::string text = e.what();  // "--name: 1 required missing"
    self.refuse("option " + text.substr(0, text.find(':')) + " needs a value");
  } catch (const CLI::Error& e) {
    self.refuse(e.what());
  }
  if (help_wanted) throw HelpWanted{help()};

  std::vector<std::string> found;
  bool options_ended = false;
  for (auto& raw : self.app.remaining()) {
    std::string word = without_mark(std::move(raw));
    if (!options_ended && word == "--") {
      options_ended = true;
      continue;
    }
    if (!options_ended && looks_like_option(word)) self.refuse_option(word);
    if (self.untouched) options_ended = true;
    found.push_back(std::move(word));
  }
  self.distribute(std::move(found));
}

std::string Options::help() const {
  const auto& self = *implementation_;
  std::string text = "Usage: conductor " + self.command;
  if (!self.declared.empty()) text += " [OPTIONS]";
  for (const auto& word : self.words) text += word.required ? " " + word.name : " [" + word.name + "]";
  if (self.rest != nullptr) {
    const bool several = self.rest_name.find(' ') == std::string::npos;
    const std::string shown = self.rest_name + (several ? "..." : "");
    text += self.rest_minimum == 0 ? " [" + shown + "]" : " " + shown;
  }
  text += "\n\n" + self.summary + "\n";
  if (!self.declared.empty()) text += "\nOptions:\n" + option_lines();
  for (const auto& note : self.notes) text += "\n" + note + "\n";
  return text;
}

std::string Options::option_lines() const {
  const auto& self = *implementation_;
  std::size_t width = 0;
  std::vector<std::string> left;
  for (const auto& option : self.declared) {
    std::string names = base::join(base::split(option.names, ','), ", ");
    if (names.starts_with("--")) names = "    " + names;
    if (!option.placeholder.empty()) names += (option.placeholder.front() == '[' ? "" : " ") + option.placeholder;
    width = std::max(width, names.size());
    left.push_back(std::move(names));
  }
  std::string text;
  for (std::size_t i = 0; i < left.size(); ++i)
    text += "  " + left[i] + std::string(width - left[i].size() + 2, ' ') + self.declared[i].help + "\n";
  return text;
}

std::int64_t parse_seconds_ns(const std::string& option, const std::string& text) {
  constexpr std::int64_t longest = 1'000'000'000;
  if (const auto seconds = base::parse_number(text, longest)) return *seconds * 1'000'000'000;
  if (const auto duration = base::parse_duration(text)) return duration->count();
  throw base::Error("option " + option + " takes seconds or a duration such as 1m30s, not '" +
                    base::escape_control(text) + "'")
      .with_exit_code(base::exit_usage);
}

int signal_of(const std::string& name) {
  if (const auto signal = linux::parse_signal(name)) return *signal;
  throw base::Error("unknown signal '" + base::escape_control(name) + "'").with_exit_code(base::exit_usage);
}

}  // namespace conductor::cli
