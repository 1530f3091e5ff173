#include "builder/metadata.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "linux/process.hpp"

#include <algorithm>
#include <climits>

namespace conductor::builder {
namespace {

using base::Error;

std::int64_t duration_of(const parser::Flag& flag) {
  constexpr std::chrono::milliseconds least(1);
  const std::string text = flag.value.value_or("");
  const auto duration = base::parse_duration(text);
  if (!duration)
    throw Error("--" + flag.name + "=" + base::escape_control(text) + " is not a duration")
        .with_hint("such as 30s or 1m30s");
  if (duration->count() != 0 && *duration < least) throw Error("--" + flag.name + " cannot be less than 1ms");
  return duration->count();
}

int count_of(const parser::Flag& flag) {
  const std::string text = flag.value.value_or("");
  const auto count = base::parse_number(text, INT_MAX);
  if (!count) throw Error("--" + flag.name + "=" + base::escape_control(text) + " is not a number of times");
  return static_cast<int>(*count);
}

}  // namespace

std::vector<std::string> exposed_ports(const std::string& text) {
  const auto slash = text.find('/');
  std::string protocol = slash == std::string::npos ? "tcp" : base::lower(text.substr(slash + 1));
  if (protocol.empty()) protocol = "tcp";
  std::string numbers = text.substr(0, slash);
  if (const auto colon = numbers.rfind(':'); colon != std::string::npos) numbers = numbers.substr(colon + 1);
  const auto ends = base::split(numbers, '-');
  const auto first = base::parse_number(ends.front(), 65535), last = base::parse_number(ends.back(), 65535);
  if (ends.size() > 2 || !first || !last || *first == 0 || *last < *first ||
      (protocol != "tcp" && protocol != "udp" && protocol != "sctp"))
    throw Error(base::escape_control(text) + " is not a port")
        .with_hint("a number from 1 to 65535 or a range, with /tcp, /udp or /sctp");
  std::vector<std::string> ports;
  for (auto port = *first; port <= *last; ++port) ports.push_back(std::to_string(port) + "/" + protocol);
  return ports;
}

std::string checked_signal(const std::string& text) {
  if (!linux::parse_signal(text))
    throw Error(base::escape_control(text) + " is not a signal").with_hint("a name such as SIGTERM, or its number");
  return text;
}

image::Healthcheck healthcheck_of(const parser::Healthcheck& check, const std::vector<parser::Flag>& flags) {
  image::Healthcheck result;
  if (check.none) {
    if (!flags.empty()) throw Error("HEALTHCHECK NONE takes no flags");
    result.test = {"NONE"};
    return result;
  }
  if (check.command.words.empty()) throw Error("HEALTHCHECK CMD names no command");
  result.test = {check.command.shell ? "CMD-SHELL" : "CMD"};
  result.test.insert(result.test.end(), check.command.words.begin(), check.command.words.end());
  for (const auto& flag : flags) {
    if (flag.name == "interval") result.interval = duration_of(flag);
    if (flag.name == "timeout") result.timeout = duration_of(flag);
    if (flag.name == "start-period") result.start_period = duration_of(flag);
    if (flag.name == "start-interval") result.start_interval = duration_of(flag);
    if (flag.name == "retries") result.retries = count_of(flag);
  }
  return result;
}

void add_sorted(std::vector<std::string>& list, const std::vector<std::string>& more) {
  list.insert(list.end(), more.begin(), more.end());
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
}

std::optional<std::vector<std::string>> command_words(const parser::Command& command, std::vector<std::string> shell) {
  if (!command.shell) return command.words.empty() ? std::nullopt : std::optional(command.words);
  shell.push_back(command.words.front());
  return shell;
}

}  // namespace conductor::builder
