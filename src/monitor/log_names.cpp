#include "monitor/log.hpp"

#include <dirent.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <string_view>

namespace conductor::monitor {

std::string log_file_name(const std::string& log, std::uint64_t number) { return log + "." + std::to_string(number); }

std::string compressed_log_name(const std::string& log, std::uint64_t number) {
  return log_file_name(log, number) + ".gz";
}

std::string dropped_log_name(const std::string& log) { return log + "-dropped"; }

std::vector<std::uint64_t> log_numbers(const std::string& log) {
  const auto slash = log.rfind('/');
  const std::string prefix = log.substr(slash + 1) + ".";
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(log.substr(0, slash).c_str()), closedir);
  std::vector<std::uint64_t> numbers;
  while (directory) {
    const dirent* entry = readdir(directory.get());
    if (entry == nullptr) break;
    std::string_view name = entry->d_name;
    if (!name.starts_with(prefix)) continue;
    name.remove_prefix(prefix.size());
    if (name.ends_with(".gz")) name.remove_suffix(3);
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error == std::errc() && end == name.data() + name.size() && number > 0) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  return numbers;
}

}  // namespace conductor::monitor
