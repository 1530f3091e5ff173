// The keys that take whoever sits at a terminal off a container again. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace conductor::runtime {

inline constexpr const char* default_detach_keys = "ctrl-p,ctrl-q";

// docker's "ctrl-a,x" as the bytes a terminal sends for it; empty: none. Each is one character or ctrl- with a letter
// or one of [\]^_. Throws Error.
std::string parse_detach_keys(const std::string& text);

// Watches what is typed. The first keys of a sequence are held back until it is known whether the others follow.
class DetachKeys {
 public:
  explicit DetachKeys(std::string keys) : keys_(std::move(keys)) {}
  // What of it, and of what was held back, is to be passed on. What follows the last key of the sequence is not.
  std::string pass(std::string_view typed);
  bool complete() const { return !keys_.empty() && matched_ == keys_.size(); }

 private:
  std::string keys_;
  std::size_t matched_ = 0;
};

}  // namespace conductor::runtime
