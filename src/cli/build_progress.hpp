// What a build says, as lines on standard error.
#pragma once

#include "builder/builder.hpp"
#include "cli/progress.hpp"

namespace conductor::cli {

class BuildProgress {
 public:
  // `quiet`: nothing is shown. `plain`: as without a terminal.
  explicit BuildProgress(bool quiet = false, bool plain = false);
  builder::Listener listener() {
    return [this](const builder::Event& event) { show(event); };
  }
  void show(const builder::Event& event);

 private:
  Progress progress_;
  bool quiet_;
};

}  // namespace conductor::cli
