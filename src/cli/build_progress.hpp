// What a build says, on standard error: chooses the view, and tells of the end.
#pragma once

#include "base/error.hpp"
#include "builder/builder.hpp"
#include "cli/build_options.hpp"
#include "cli/build_view.hpp"

#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace conductor::cli {

class BuildProgress {
 public:
  // Automatic is a view that is drawn where standard error is a terminal (but TERM=dumb), else plain lines.
  explicit BuildProgress(ProgressKind kind);
  ~BuildProgress() { close(); }
  BuildProgress(const BuildProgress&) = delete;
  BuildProgress& operator=(const BuildProgress&) = delete;

  builder::Listener listener() {
    return [this](const builder::Event& event) { show(event); };
  }
  // Safe from any thread, as is `say`.
  void show(const builder::Event& event);
  void say(const std::string& line);
  // The terminal is as it was; again is fine.
  void close();
  // The failed step and its last lines; then the failure itself in the form of the view. True when that has been told,
  // so that nobody needs to say it again.
  bool fail(const std::string& message);
  // The result, where the view is for programs.
  void finish(const std::string& id, const std::vector<std::string>& names);

 private:
  ProgressKind kind_;
  std::mutex mutex_;
  std::unique_ptr<BuildView> view_;
};

// "------", the step, the last lines of its output, "------".
std::string failure_text(const ShownStep& step);

}  // namespace conductor::cli
