// The steps of a build as far as they have come, from its events: what every way to show them is made of. Pure; time
// comes from outside.
#pragma once

#include "builder/events.hpp"
#include "cli/terminal_text.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace conductor::cli {

using SteadyTime = std::chrono::steady_clock::time_point;

// Whole lines out of pieces as they come; overlong ones are cut. The last lines are kept.
class OutputLines {
 public:
  // `take` gets each line that has ended, cleaned.
  using Take = std::function<void(const std::string& line)>;
  void add(std::string_view bytes, Colours colours, const Take& take);
  void finish(Colours colours, const Take& take);  // the line that has no end yet
  const std::deque<std::string>& last() const { return last_; }
  // The one that has not ended yet, cleaned; a program's own progress bar, for example.
  std::string open() const { return clean_line(rest_); }

 private:
  std::string rest_;
  std::deque<std::string> last_;  // without colours
  void end_line(Colours colours, const Take& take);
};

struct ShownStep {
  enum class State { running, done, cached, failed } state = State::running;
  std::size_t number = 0;  // the event's vertex
  std::string title;       // "[build 2/5] RUN make"
  std::string note;        // what it says it is doing
  SteadyTime began;
  std::chrono::nanoseconds took{0};
  OutputLines output;
  // The last progress event, and since when and from where its amount has grown.
  std::int64_t current = 0, total = 0, first = 0;
  std::string progress_text, unit;
  SteadyTime progress_began;

  bool has_progress() const { return !progress_text.empty() || current > 0; }
  void go_on(const builder::Event& progress, SteadyTime now);
};

class BuildSteps {
 public:
  // The step of an event, or the build as a whole, changed as the event says. `take`: see OutputLines.
  ShownStep& apply(const builder::Event& event, SteadyTime now, Colours colours = Colours::drop,
                   const OutputLines::Take& take = {});
  std::vector<const ShownStep*> running() const;  // in the order of their numbers
  std::size_t ended() const { return ended_; }
  // What is done besides steps (fetching a context, writing an archive): its note or its progress until that is whole.
  const ShownStep& whole() const { return whole_; }
  // The first that failed; nullptr: none.
  const ShownStep* failed() const;

 private:
  std::map<std::size_t, ShownStep> steps_;
  ShownStep whole_;
  std::size_t ended_ = 0, failed_ = 0;
};

// "[build 2/5] RUN make": on one line, without control characters.
std::string step_title(const builder::Event& event);
// "12.3s", "1m05s".
std::string step_time(std::chrono::nanoseconds time);
// "copying  45%  12.3MB / 27MB  5.1MB/s", as far as it is known.
std::string progress_words(const ShownStep& step, SteadyTime now);

}  // namespace conductor::cli
