#include "runtime/detach_keys.hpp"

#include "base/error.hpp"
#include "base/text.hpp"

namespace conductor::runtime {

namespace {

// 0: none.
char byte_of(const std::string& key) {
  constexpr std::string_view control = "ctrl-";
  constexpr char control_bits = 0x1f;
  if (key.size() == 1 && key.front() > ' ' && key.front() < '\x7f') return key.front();
  const std::string lower = base::lower(key);
  if (lower.size() != control.size() + 1 || !lower.starts_with(control)) return 0;
  const char letter = lower.back();
  const bool known = (letter >= 'a' && letter <= 'z') || (letter >= '[' && letter <= '_');
  return known ? static_cast<char>(letter & control_bits) : char{0};
}

}  // namespace

std::string parse_detach_keys(const std::string& text) {
  std::string bytes;
  if (text.empty()) return bytes;
  for (const auto& key : base::split(text, ',')) {
    const char byte = byte_of(key);
    if (byte == 0)
      throw base::Error("'" + base::escape_control(text) +
                        "' are no detach keys: each is a character or ctrl- and a letter or one of [\\]^_, as in "
                        "ctrl-p,ctrl-q")
          .with_exit_code(base::exit_usage);
    bytes += byte;
  }
  return bytes;
}

std::string DetachKeys::pass(std::string_view typed) {
  if (keys_.empty()) return std::string(typed);
  std::string passed;
  for (const char key : typed) {
    if (complete()) break;
    if (key == keys_[matched_]) {
      ++matched_;
      continue;
    }
    passed += keys_.substr(0, matched_);
    matched_ = key == keys_.front() ? 1 : 0;
    if (matched_ == 0) passed += key;
  }
  return passed;
}

}  // namespace conductor::runtime
