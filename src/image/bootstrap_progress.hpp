// debootstrap's output, hundreds of "I: …" lines, as a few sentences.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace conductor::image {

class BootstrapProgress {
 public:
  explicit BootstrapProgress(std::string name) : name_(std::move(name)) {}

  // A line as debootstrap wrote it, at that time: the sentence to show, when one is due. The first of a phase is always
  // shown, the others every two seconds.
  std::optional<std::string> take(std::string_view line, std::chrono::steady_clock::time_point now);
  // What debootstrap said last that explains a failure: its errors, else its last lines.
  std::string complaint() const;

 private:
  std::string name_;
  std::string phase_;
  int count_ = 0;
  int packages_ = 0;  // as many as were retrieved
  std::chrono::steady_clock::time_point shown_;
  std::vector<std::string> errors_, last_;
};

}  // namespace conductor::image
