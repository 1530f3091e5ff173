// The view of a terminal (ECMA-48 control sequences).
#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/build_view.hpp"
#include "cli/output.hpp"

#include <algorithm>

namespace conductor::cli {

namespace {

constexpr std::chrono::milliseconds pace(100);
constexpr std::size_t output_rows = 6;
constexpr std::size_t time_columns = 8;
constexpr std::size_t bar_columns = 24;

constexpr const char* plain = "\x1b[0m";
constexpr const char* blue = "\x1b[34m";
constexpr const char* red = "\x1b[31m";
constexpr const char* faint = "\x1b[2m";
constexpr const char* erase_below = "\x1b[J";

std::string in_colour(const std::string& text, const char* colour, bool wanted) {
  return wanted ? colour + text + plain : text;
}

// The text from the left and the time at the right, in `columns`.
std::string with_time(const std::string& text, std::chrono::nanoseconds time, std::size_t columns) {
  const std::string shown = step_time(time);
  if (columns < 2 * time_columns) return fit(text, columns);
  const std::string left = fit(text, columns - time_columns);
  const std::size_t used = display_width(left) + shown.size();
  return left + std::string(columns > used ? columns - used : 1, ' ') + shown;
}

std::string bar(const ShownStep& step) {
  if (step.total <= 0) return {};
  const double share = static_cast<double>(std::min(step.current, step.total)) / static_cast<double>(step.total);
  const auto filled = static_cast<std::size_t>(share * static_cast<double>(bar_columns));
  std::string text(filled, '=');
  if (filled < bar_columns) text += '>';
  text.resize(bar_columns, ' ');
  return "[" + text + "] ";
}

// What stands below a running step: its bar or note, else the last lines of its output.
std::vector<std::string> details(const ShownStep& step, SteadyTime now, std::size_t most) {
  std::vector<std::string> lines;
  if (step.has_progress() && most > 0)
    lines.push_back(bar(step) + progress_words(step, now));
  else if (!step.note.empty() && most > 0)
    lines.push_back(step.note);
  std::vector<std::string> output(step.output.last().begin(), step.output.last().end());
  if (auto open = step.output.open(); !open.empty()) output.push_back(std::move(open));
  const std::size_t room = std::min(output.size(), most - lines.size());
  lines.insert(lines.end(), output.end() - static_cast<std::ptrdiff_t>(room), output.end());
  return lines;
}

}  // namespace

std::vector<std::string> LiveArea::lines(SteadyTime now, linux::WindowSize size) const {
  const std::size_t columns = std::max<std::size_t>(size.columns, 2) - 1;
  const std::size_t rows = std::max<std::size_t>(size.rows, 3) - 2;  // without the last line, and the cursor's
  const auto running = steps.running();
  const bool all = running.size() <= rows;
  const std::size_t shown = all ? running.size() : rows - 1;
  const std::size_t each = shown == 0 || !all ? 0 : std::min(output_rows, (rows - shown) / shown);

  std::vector<std::string> lines;
  for (std::size_t i = 0; i < shown; ++i) {
    const ShownStep& step = *running[i];
    lines.push_back(in_colour(with_time("=> " + step.title, now - step.began, columns), blue, colour));
    for (const auto& detail : details(step, now, each))
      lines.push_back(in_colour(fit("   | " + detail, columns), faint, colour));
  }
  if (!all) lines.push_back(fit("   … and " + std::to_string(running.size() - shown) + " more steps", columns));
  std::string whole =
      "Building: " + std::to_string(steps.ended()) + (steps.ended() == 1 ? " step" : " steps") + " done";
  if (!running.empty()) whole += ", " + std::to_string(running.size()) + " running";
  const ShownStep& rest = steps.whole();
  if (const auto words = rest.has_progress() ? progress_words(rest, now) : rest.note; !words.empty())
    whole += "; " + words;
  lines.push_back(with_time(whole, now - began, columns));
  return lines;
}

TerminalView::TerminalView(Sink sink, std::function<linux::WindowSize()> size, bool colour)
    : sink_(std::move(sink)),
      size_(std::move(size)),
      area_{steps_, std::chrono::steady_clock::now(), colour},
      drawer_([this] { draw_until_closed(); }) {}

TerminalView::~TerminalView() { TerminalView::close(); }

void TerminalView::show(const builder::Event& event, SteadyTime now) {
  const std::lock_guard lock(mutex_);
  const ShownStep& step = steps_.apply(event, now);
  using Kind = builder::Event::Kind;
  if (event.kind == Kind::warning)
    pending_ += escape_lines(event.text) + "\n";
  else if (event.kind == Kind::done || event.kind == Kind::cached || event.kind == Kind::failed)
    pending_ += ended_line(step) + "\n";
  dirty_ = true;
  changed_.notify_one();
}

std::string TerminalView::ended_line(const ShownStep& step) const {
  const std::size_t columns = std::max<std::size_t>(size_().columns, 2) - 1;
  const bool cached = step.state == ShownStep::State::cached, failed = step.state == ShownStep::State::failed;
  const std::string word = cached ? "CACHED " : failed ? "ERROR " : "";
  const std::string line =
      cached ? fit("=> " + word + step.title, columns) : with_time("=> " + word + step.title, step.took, columns);
  return in_colour(line, failed ? red : blue, area_.colour && (cached || failed));
}

void TerminalView::say(const std::string& line) {
  const std::lock_guard lock(mutex_);
  pending_ += escape_lines(line) + "\n";
  dirty_ = true;
  changed_.notify_one();
}

// Draws when something has changed, and ten times a second while a step runs, whose time goes on.
void TerminalView::draw_until_closed() {
  std::unique_lock lock(mutex_);
  while (!closed_) {
    changed_.wait(lock, [this] { return dirty_ || closed_ || !steps_.running().empty(); });
    if (closed_) return;
    draw(std::chrono::steady_clock::now());
    changed_.wait_for(lock, pace, [this] { return closed_; });
  }
}

// Up to the first line of the live area, as many rows as it takes at the present width.
std::string TerminalView::erase(linux::WindowSize size) const {
  const std::size_t columns = std::max<std::size_t>(size.columns, 1);
  std::size_t rows = 0;
  for (const std::size_t width : drawn_) rows += std::max<std::size_t>(1, (width + columns - 1) / columns);
  rows = std::min<std::size_t>(rows, size.rows > 0 ? size.rows - 1U : 0U);
  return rows == 0 ? "" : "\x1b[" + std::to_string(rows) + "A\r" + erase_below;
}

// In one write, so that no half picture is ever seen.
void TerminalView::draw(SteadyTime now) {
  dirty_ = false;
  const linux::WindowSize size = size_();
  std::string picture = erase(size) + std::exchange(pending_, {});
  drawn_.clear();
  for (const auto& line : area_.lines(now, size)) {
    picture += line + "\n";
    drawn_.push_back(display_width(line));
  }
  sink_(picture);
}

void TerminalView::close() {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    closed_ = true;
    changed_.notify_one();
    sink_(erase(size_()) + std::exchange(pending_, {}));
    drawn_.clear();
  }
  if (drawer_.joinable()) drawer_.join();
}

}  // namespace conductor::cli
