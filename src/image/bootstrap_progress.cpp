#include "image/bootstrap_progress.hpp"

#include "base/text.hpp"

#include <array>

namespace conductor::image {
namespace {

constexpr std::chrono::seconds pace(2);
constexpr std::size_t last_lines = 5;

struct Phase {
  std::string_view word;  // how debootstrap begins a line of it
  std::string_view sentence;
  bool counts;  // one line a package
};
constexpr std::array<Phase, 7> phases = {{
    {"Retrieving InRelease", "retrieving the index", false},
    {"Valid Release signature", "the archive's signature is valid", false},
    {"Resolving dependencies", "choosing packages", false},
    {"Retrieving ", "retrieving packages", true},
    {"Extracting ", "extracting the core packages", true},
    {"Unpacking ", "unpacking packages", true},
    {"Configuring ", "configuring packages", true},
}};

const Phase* phase_of(std::string_view text) {
  for (const auto& phase : phases)
    if (text.starts_with(phase.word)) return &phase;
  return nullptr;
}

// Indexes are retrieved before the packages and have names that no package has.
bool is_index(std::string_view text) {
  return text.starts_with("Retrieving Packages") || text.starts_with("Retrieving Release");
}

}  // namespace

std::optional<std::string> BootstrapProgress::take(std::string_view line, std::chrono::steady_clock::time_point now) {
  const std::string text = base::escape_control(base::trim(line));
  if (text.empty()) return std::nullopt;
  last_.push_back(text);
  if (last_.size() > last_lines) last_.erase(last_.begin());
  if (text.starts_with("E: ")) errors_.push_back(text.substr(3));
  if (!text.starts_with("I: ")) return std::nullopt;
  const std::string message = text.substr(3);
  const Phase* phase = is_index(message) ? nullptr : phase_of(message);
  if (phase == nullptr) return std::nullopt;

  const bool begins = phase->sentence != phase_;
  if (begins) {
    if (phase->word == "Unpacking " || phase->word == "Configuring ")
      if (phase_ == "retrieving packages") packages_ = count_;
    phase_ = phase->sentence;
    count_ = 0;
  }
  if (phase->counts) ++count_;
  if (phase->word == "Retrieving ") packages_ = count_;
  if (!begins && (!phase->counts || now - shown_ < pace)) return std::nullopt;
  shown_ = now;
  std::string sentence = name_ + ": " + phase_;
  if (phase->counts && !begins) {
    sentence += " (" + std::to_string(count_);
    if (packages_ >= count_ && phase->word != "Retrieving ") sentence += " of " + std::to_string(packages_);
    sentence += ")";
  }
  return sentence;
}

std::string BootstrapProgress::complaint() const { return base::join(errors_.empty() ? last_ : errors_, "; "); }

}  // namespace conductor::image
