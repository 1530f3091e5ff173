#include "builder/environment.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>

namespace conductor::builder {
namespace {

constexpr std::array proxy_names{"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"};

std::string entry_of(const std::string& name, const std::string& value) {
  std::string entry = name;
  entry += '=';
  return entry += value;
}

bool names(const std::string& entry, const std::string& name) {
  return entry.size() > name.size() && entry[name.size()] == '=' && entry.starts_with(name);
}

}  // namespace

std::optional<std::string> find_variable(const std::vector<std::string>& environment, const std::string& name) {
  for (const auto& entry : environment)
    if (names(entry, name)) return entry.substr(name.size() + 1);
  return std::nullopt;
}

void set_variable(std::vector<std::string>& environment, const std::string& name, const std::string& value) {
  for (auto& entry : environment) {
    if (!names(entry, name)) continue;
    entry = entry_of(name, value);
    return;
  }
  environment.push_back(entry_of(name, value));
}

Variables platform_arguments(const std::string& architecture, const std::string& stage) {
  Variables result{{"TARGETSTAGE", stage.empty() ? "default" : stage}};
  for (const std::string side : {"BUILD", "TARGET"}) {
    result[side + "PLATFORM"] = "linux/" + architecture;
    result[side + "OS"] = "linux";
    result[side + "ARCH"] = architecture;
    result[side + "VARIANT"] = "";
  }
  return result;
}

bool is_proxy_argument(const std::string& name) {
  const std::string upper = base::upper(name);
  return (name == upper || name == base::lower(name)) &&
         std::find(proxy_names.begin(), proxy_names.end(), upper) != proxy_names.end();
}

bool is_builder_argument(const std::string& name) {
  return name == "SOURCE_DATE_EPOCH" || name.starts_with("BUILDKIT_");
}

void Scope::declare(const std::string& name, const std::optional<std::string>& fallback) {
  if (const auto given = given_.find(name); given != given_.end())
    values_[name] = given->second;
  else if (fallback)
    values_[name] = *fallback;
  else if (const auto outer = outer_.find(name); outer != outer_.end())
    values_[name] = outer->second;
}

std::optional<std::string> Scope::lookup(const std::string& name, const std::vector<std::string>& environment) const {
  if (auto value = find_variable(environment, name)) return value;
  if (const auto value = values_.find(name); value != values_.end()) return value->second;
  return std::nullopt;
}

std::vector<std::string> Scope::run_environment(const std::vector<std::string>& environment) const {
  std::vector<std::string> result;
  for (const auto& [name, value] : values_)
    if (!find_variable(environment, name)) result.push_back(entry_of(name, value));
  result.insert(result.end(), environment.begin(), environment.end());
  return result;
}

std::vector<std::string> Scope::proxies(const std::vector<std::string>& environment) const {
  std::vector<std::string> result;
  for (const auto& [name, value] : given_)
    if (is_proxy_argument(name) && !lookup(name, environment)) result.push_back(entry_of(name, value));
  return result;
}

}  // namespace conductor::builder
