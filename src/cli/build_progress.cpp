#include "cli/build_progress.hpp"

#include "base/text.hpp"

namespace conductor::cli {

namespace {

// "[build 2/5] RUN make" — stages without a name are not named.
std::string label(const builder::Event& event) {
  std::string text = "[";
  if (!event.stage.empty()) text += event.stage + " ";
  return text + std::to_string(event.step) + "/" + std::to_string(event.steps) + "] ";
}

}  // namespace

BuildProgress::BuildProgress(bool quiet, bool plain) : progress_(plain), quiet_(quiet) {}

void BuildProgress::show(const builder::Event& event) {
  if (quiet_) return;
  switch (event.kind) {
    case builder::Event::Kind::began:
      return progress_.lasting(label(event) + event.text);
    case builder::Event::Kind::cached:
      return progress_.lasting(label(event) + event.text + "  (cached)");
    case builder::Event::Kind::output:
      return progress_.raw(event.text);
    case builder::Event::Kind::done:
      return progress_.lasting(label(event) + "done in " + event.text);
    case builder::Event::Kind::progress:
    case builder::Event::Kind::failed:
      break;
    case builder::Event::Kind::warning:
    case builder::Event::Kind::note:
      return progress_.transient(event.text);
  }
}

}  // namespace conductor::cli
