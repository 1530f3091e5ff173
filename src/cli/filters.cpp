#include "cli/filters.hpp"

#include "base/error.hpp"
#include "base/text.hpp"

#include <algorithm>

namespace conductor::cli {

Labels read_labels(const std::vector<std::string>& texts) {
  Labels labels;
  for (const auto& text : texts) {
    const auto equals = text.find('=');
    labels[text.substr(0, equals)] = equals == std::string::npos ? "" : text.substr(equals + 1);
  }
  return labels;
}

std::string labels_text(const Labels& labels) {
  std::vector<std::string> pairs;
  for (const auto& [name, value] : labels) pairs.push_back(name + "=" + value);
  return base::join(pairs, ",");
}

bool has_label(const Labels& labels, const std::string& wanted) {
  const auto equals = wanted.find('=');
  const auto found = labels.find(wanted.substr(0, equals));
  return found != labels.end() && (equals == std::string::npos || found->second == wanted.substr(equals + 1));
}

Filters::Filters(const std::vector<std::string>& texts, const std::vector<std::string>& known) {
  for (const auto& text : texts) {
    const auto equals = text.find('=');
    const std::string key = text.substr(0, equals);
    if (equals == std::string::npos || std::find(known.begin(), known.end(), key) == known.end())
      throw base::Error("unknown filter '" + base::escape_control(text) + "'" + base::did_you_mean(key, known) +
                        " (KEY=VALUE; keys are " + base::join(known, ", ") + ")")
          .with_exit_code(base::exit_usage);
    wanted_[key].push_back(text.substr(equals + 1));
  }
}

void Filters::each(const std::function<void(const std::string& key, const std::string& value)>& visit) const {
  for (const auto& [key, values] : wanted_)
    for (const auto& value : values) visit(key, value);
}

bool Filters::accept(const Holds& holds) const {
  return std::all_of(wanted_.begin(), wanted_.end(), [&](const auto& entry) {
    return std::any_of(entry.second.begin(), entry.second.end(),
                       [&](const std::string& value) { return holds(entry.first, value); });
  });
}

}  // namespace conductor::cli
