#include "cli/build_progress.hpp"

#include "base/json.hpp"
#include "base/units.hpp"
#include "cli/output.hpp"
#include "linux/terminal.hpp"

#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace conductor::cli {

namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// A terminal may go away while a build runs; that is told by a signal, and is no reason to stop writing elsewhere.
void write_error(std::string_view bytes) {
  try {
    linux::write_all(STDERR_FILENO, bytes);
  } catch (const base::Error&) {
    return;
  }
}

ProgressKind choose(ProgressKind kind) {
  if (kind != ProgressKind::automatic) return kind;
  const std::string type = variable("TERM");
  const bool drawable = linux::is_terminal(STDERR_FILENO) && !type.empty() && type != "dumb";
  return drawable ? ProgressKind::terminal : ProgressKind::plain;
}

std::unique_ptr<BuildView> view_of(ProgressKind kind) {
  const bool colour = variable("NO_COLOR").empty();
  switch (kind) {
    case ProgressKind::quiet:
      return std::make_unique<BuildView>();
    case ProgressKind::json:
      return std::make_unique<JsonView>(write_error);
    case ProgressKind::terminal:
      return std::make_unique<TerminalView>(
          write_error, [] { return linux::window_size(STDERR_FILENO).value_or(linux::WindowSize{}); }, colour);
    case ProgressKind::automatic:
    case ProgressKind::plain:
      break;
  }
  return std::make_unique<PlainView>(write_error, colour ? Colours::keep : Colours::drop);
}

}  // namespace

BuildProgress::BuildProgress(ProgressKind kind) : kind_(choose(kind)), view_(view_of(kind_)) {}

void BuildProgress::show(const builder::Event& event) {
  const std::lock_guard lock(mutex_);
  view_->show(event, std::chrono::steady_clock::now());
}

void BuildProgress::say(const std::string& line) {
  const std::lock_guard lock(mutex_);
  view_->say(line);
}

void BuildProgress::close() {
  const std::lock_guard lock(mutex_);
  view_->close();
}

bool BuildProgress::fail(const std::string& message) {
  close();
  if (kind_ == ProgressKind::json) {
    base::Json json = base::Json::object();
    json.set("time", base::format_time(base::now_unix_ns())).set("kind", "error").set("text", message);
    write_error(json.dump() + "\n");
    return true;
  }
  if (const auto* step = view_->steps().failed()) write_error(failure_text(*step));
  return false;
}

void BuildProgress::finish(const std::string& id, const std::vector<std::string>& names) {
  close();
  if (kind_ != ProgressKind::json) return;
  base::Json json = base::Json::object();
  json.set("time", base::format_time(base::now_unix_ns())).set("kind", "result").set("image", id);
  json.set("names", base::to_json(names));
  write_error(json.dump() + "\n");
}

std::string failure_text(const ShownStep& step) {
  std::string text = "------\n > " + step.title + ":\n";
  for (const auto& line : step.output.last()) text += line + "\n";
  return text + "------\n";
}

}  // namespace conductor::cli
