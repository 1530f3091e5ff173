// --filter KEY=VALUE, and labels, as lists take them.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace conductor::cli {

using Labels = std::map<std::string, std::string>;

Labels read_labels(const std::vector<std::string>& texts);        // "NAME=value", or "NAME" with an empty value
std::string labels_text(const Labels& labels);                    // "a=1,b=2"
bool has_label(const Labels& labels, const std::string& wanted);  // "NAME=value", or "NAME" with any

// Of several filters with one key any may hold, of several keys all must.
class Filters {
 public:
  // Throws base::Error for a key that is not among the known ones.
  Filters(const std::vector<std::string>& texts, const std::vector<std::string>& known);
  using Holds = std::function<bool(const std::string& key, const std::string& value)>;
  bool accept(const Holds& holds) const;
  void each(const std::function<void(const std::string& key, const std::string& value)>& visit) const;
  bool names(const std::string& key) const { return wanted_.contains(key); }

 private:
  std::map<std::string, std::vector<std::string>> wanted_;
};

}  // namespace conductor::cli
