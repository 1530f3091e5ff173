#include "cli/build_steps.hpp"

#include "base/text.hpp"
#include "base/units.hpp"

#include <algorithm>

namespace conductor::cli {

namespace {

constexpr std::size_t kept_lines = 20;
constexpr std::size_t longest_line = 4096;

std::string amount(std::int64_t value, const std::string& unit) {
  if (unit == "B") return base::format_size(value);
  return std::to_string(value) + (unit.empty() ? "" : " " + base::escape_control(unit));
}

double seconds(std::chrono::nanoseconds time) { return std::chrono::duration<double>(time).count(); }

}  // namespace

// --- output
// -----------------------------------------------------------------------------------------------------

void OutputLines::end_line(Colours colours, const Take& take) {
  last_.push_back(clean_line(rest_));
  if (last_.size() > kept_lines) last_.pop_front();
  if (take) take(colours == Colours::keep ? clean_line(rest_, colours) : last_.back());
  rest_.clear();
}

void OutputLines::add(std::string_view bytes, Colours colours, const Take& take) {
  while (!bytes.empty()) {
    const auto end = bytes.find('\n');
    auto piece = bytes.substr(0, end);
    // A program's progress bar overwrites its line for ever: only the last version is kept.
    const auto content = piece.find_last_not_of('\r');
    const auto back = content == std::string_view::npos ? content : piece.rfind('\r', content);
    if (back != std::string_view::npos) piece.remove_prefix(back + 1);
    if (back != std::string_view::npos || (rest_.ends_with('\r') && content != std::string_view::npos)) rest_.clear();
    if (rest_.size() < longest_line) rest_ += piece.substr(0, longest_line - rest_.size());
    if (end == std::string_view::npos) return;
    end_line(colours, take);
    bytes.remove_prefix(end + 1);
  }
}

void OutputLines::finish(Colours colours, const Take& take) {
  if (!rest_.empty()) end_line(colours, take);
}

// --- steps
// ------------------------------------------------------------------------------------------------------

void ShownStep::go_on(const builder::Event& progress, SteadyTime now) {
  if (progress_text != progress.text || progress.current < current || !has_progress()) {
    progress_began = now;
    first = progress.current;
  }
  progress_text = progress.text, unit = progress.unit;
  current = progress.current, total = progress.total;
}

ShownStep& BuildSteps::apply(const builder::Event& event, SteadyTime now, Colours colours,
                             const OutputLines::Take& take) {
  using Kind = builder::Event::Kind;
  if (event.vertex == 0) {
    if (event.kind == Kind::note) whole_.note = clean_line(event.text);
    if (event.kind == Kind::progress) whole_.go_on(event, now);
    const bool complete = whole_.total > 0 && whole_.current >= whole_.total;
    if (event.kind == Kind::note || complete) whole_.progress_text.clear(), whole_.current = whole_.total = 0;
    return whole_;
  }
  auto [place, is_new] = steps_.try_emplace(event.vertex);
  ShownStep& step = place->second;
  if (is_new || event.kind == Kind::began) {
    step = ShownStep{};  // begun again: a build that is verified is made twice
    step.number = event.vertex;
    step.began = now;
    step.title = step_title(event);
  }
  const auto end = [&](ShownStep::State state) {
    if (step.state == ShownStep::State::running) ++ended_;
    step.state = state;
    step.took = event.took.count() > 0 ? event.took : std::chrono::nanoseconds(now - step.began);
    step.output.finish(colours, take);
  };
  switch (event.kind) {
    case Kind::began:
    case Kind::warning:
      break;
    case Kind::cached:
      end(ShownStep::State::cached);
      break;
    case Kind::output:
      step.output.add(event.text, colours, take);
      break;
    case Kind::progress:
      step.go_on(event, now);
      break;
    case Kind::done:
      end(ShownStep::State::done);
      break;
    case Kind::failed:
      end(ShownStep::State::failed);
      if (failed_ == 0) failed_ = event.vertex;
      break;
    case Kind::note:
      step.note = base::escape_control(event.text);
      break;
  }
  return step;
}

std::vector<const ShownStep*> BuildSteps::running() const {
  std::vector<const ShownStep*> found;
  for (const auto& [number, step] : steps_)
    if (step.state == ShownStep::State::running) found.push_back(&step);
  return found;
}

const ShownStep* BuildSteps::failed() const { return failed_ == 0 ? nullptr : &steps_.at(failed_); }

std::string step_title(const builder::Event& event) {
  std::string place = event.stage;
  if (event.steps > 0)
    place += (place.empty() ? "" : " ") + std::to_string(event.step) + "/" + std::to_string(event.steps);
  if (place.empty()) place = "internal";
  // An instruction of several lines (a here-document) is known by its first.
  const auto first_line = event.text.substr(0, event.text.find('\n'));
  return clean_line("[" + place + "] " + first_line) + (first_line.size() < event.text.size() ? " …" : "");
}

std::string step_time(std::chrono::nanoseconds time) {
  constexpr std::int64_t minute = 60;
  const auto tenths = std::chrono::duration_cast<std::chrono::milliseconds>(time).count() / 100;
  const auto whole = tenths / 10;
  if (whole < minute) return std::to_string(whole) + "." + std::to_string(tenths % 10) + "s";
  const std::string rest = std::to_string(whole % minute);
  return std::to_string(whole / minute) + "m" + (rest.size() < 2 ? "0" : "") + rest + "s";
}

std::string progress_words(const ShownStep& step, SteadyTime now) {
  std::string text = base::escape_control(step.progress_text);
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : "  ") + part; };
  if (step.total > 0) {
    const auto shown = std::min(step.current, step.total);
    add(std::to_string(static_cast<int>(100.0 * static_cast<double>(shown) / static_cast<double>(step.total))) + "%");
    add(amount(shown, step.unit) + " / " + amount(step.total, step.unit));
  } else if (step.current > 0) {
    add(amount(step.current, step.unit));
  }
  // A rate over less than half a second says nothing.
  const double passed = seconds(now - step.progress_began);
  if (step.unit == "B" && passed > 0.5 && step.current > step.first)
    add(base::format_size(static_cast<std::int64_t>(static_cast<double>(step.current - step.first) / passed)) + "/s");
  return text;
}

}  // namespace conductor::cli
