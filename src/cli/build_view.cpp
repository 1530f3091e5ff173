// Plain lines and JSON.
#include "cli/build_view.hpp"

#include "base/text.hpp"
#include "base/units.hpp"
#include "cli/output.hpp"

#include <chrono>

namespace conductor::cli {

using Kind = builder::Event::Kind;

namespace {

constexpr std::chrono::seconds progress_pace(5);

const char* name_of(Kind kind) {
  switch (kind) {
    case Kind::began:
      return "began";
    case Kind::cached:
      return "cached";
    case Kind::output:
      return "output";
    case Kind::progress:
      return "progress";
    case Kind::done:
      return "done";
    case Kind::failed:
      return "failed";
    case Kind::note:
      return "note";
    case Kind::warning:
      return "warning";
  }
  return "";
}

// Seconds with three digits behind the point, as log lines have them.
std::string stamp(std::chrono::nanoseconds time) {
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
  const std::string rest = std::to_string(milliseconds % 1000);
  return std::to_string(milliseconds / 1000) + "." + std::string(3 - rest.size(), '0') + rest;
}

}  // namespace

// --- plain
// ------------------------------------------------------------------------------------------------------

void PlainView::show(const builder::Event& event, SteadyTime now) {
  const std::string number = "#" + std::to_string(event.vertex) + " ";
  const auto line = [&](const std::string& text) { sink_(number + text + "\n"); };
  std::vector<std::string> output;
  const ShownStep& step = steps_.apply(event, now, colours_, [&](const std::string& text) { output.push_back(text); });
  if (event.vertex == 0) return event.kind == Kind::progress ? show_progress(step, now) : say(event.text);
  if (told_.try_emplace(event.vertex, now).second || event.kind == Kind::began) line(step.title);
  for (const auto& text : output) line(stamp(now - step.began) + " " + text);
  switch (event.kind) {
    case Kind::began:
    case Kind::output:
      break;
    case Kind::cached:
      return line("CACHED");
    case Kind::progress:
      return show_progress(step, now);
    case Kind::done:
      return line("DONE " + step_time(step.took));
    case Kind::failed:
      return line("ERROR after " + step_time(step.took));
    case Kind::note:
      return line(step.note);
    case Kind::warning:
      return say(event.text);
  }
}

void PlainView::show_progress(const ShownStep& step, SteadyTime now) {
  SteadyTime& told = told_.try_emplace(step.number, now).first->second;
  if (now - told < progress_pace || !step.has_progress()) return;
  told = now;
  const std::string number =
      step.number == 0 ? "" : "#" + std::to_string(step.number) + " " + stamp(now - step.began) + " ";
  sink_(number + progress_words(step, now) + "\n");
}

void PlainView::say(const std::string& line) { sink_(escape_lines(line) + "\n"); }

// --- JSON
// -------------------------------------------------------------------------------------------------------

base::Json json_of(const builder::Event& event) {
  base::Json json = base::Json::object();
  json.set("time", base::format_time(base::now_unix_ns()));
  json.set("kind", name_of(event.kind));
  json.set("vertex", event.vertex);
  if (event.steps > 0) json.set("step", event.step).set("steps", event.steps);
  if (!event.stage.empty()) json.set("stage", event.stage);
  if (!event.text.empty()) json.set("text", event.text);
  if (event.kind == Kind::progress) json.set("current", event.current).set("total", event.total);
  if (!event.unit.empty()) json.set("unit", event.unit);
  if (event.took.count() > 0) json.set("seconds", std::chrono::duration<double>(event.took).count());
  return json;
}

void JsonView::show(const builder::Event& event, SteadyTime now) {
  steps_.apply(event, now);
  sink_(json_of(event).dump() + "\n");
}

void JsonView::say(const std::string& line) {
  builder::Event event;
  event.text = line;
  sink_(json_of(event).dump() + "\n");
}

}  // namespace conductor::cli
