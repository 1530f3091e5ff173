// Names of signals (signal(7)).
#include "base/text.hpp"
#include "base/units.hpp"
#include "linux/process.hpp"

#include <csignal>
#include <cstring>

namespace conductor::linux {
namespace {

constexpr int highest_signal = 64;

// "RTMIN", "RTMIN+3", "RTMAX-1".
std::optional<int> parse_real_time(const std::string& name) {
  const bool from_minimum = name.starts_with("RTMIN");
  if (!from_minimum && !name.starts_with("RTMAX")) return std::nullopt;
  const int start = from_minimum ? SIGRTMIN : SIGRTMAX;
  const std::string rest = name.substr(5);
  if (rest.empty()) return start;
  const auto offset = base::parse_number(rest.substr(1), SIGRTMAX - SIGRTMIN);
  if (rest[0] != (from_minimum ? '+' : '-') || !offset) return std::nullopt;
  return from_minimum ? start + static_cast<int>(*offset) : start - static_cast<int>(*offset);
}

}  // namespace

std::optional<int> parse_signal(const std::string& name) {
  if (const auto number = base::parse_number(name, highest_signal))
    return *number == 0 ? std::nullopt : std::optional(static_cast<int>(*number));
  std::string plain = base::upper(name);
  if (plain.starts_with("SIG")) plain.erase(0, 3);
  if (plain == "CLD") return SIGCHLD;
  if (plain == "IOT") return SIGABRT;
  if (plain == "IO") return SIGPOLL;
  for (int signal = 1; signal < SIGRTMIN; ++signal) {
    const char* known = sigabbrev_np(signal);
    if (known != nullptr && plain == known) return signal;
  }
  return parse_real_time(plain);
}

std::string signal_name(int signal) {
  if (const char* known = sigabbrev_np(signal); known != nullptr) return std::string("SIG") + known;
  if (signal >= SIGRTMIN && signal <= SIGRTMAX) {
    const int offset = signal - SIGRTMIN;
    return offset == 0 ? "SIGRTMIN" : "SIGRTMIN+" + std::to_string(offset);
  }
  return std::to_string(signal);
}

}  // namespace conductor::linux
