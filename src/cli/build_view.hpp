// The ways to show a build: plain lines for a log, JSON for programs, a view that is drawn over and over for a person.
// None is safe against two threads at once but where it says so; BuildProgress sees to that.
#pragma once

#include "base/json.hpp"
#include "builder/events.hpp"
#include "cli/build_steps.hpp"
#include "linux/terminal.hpp"

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace conductor::cli {

// Where a view writes.
using Sink = std::function<void(std::string_view bytes)>;

class BuildView {
 public:
  BuildView() = default;
  virtual ~BuildView() = default;
  BuildView(const BuildView&) = delete;
  BuildView& operator=(const BuildView&) = delete;

  virtual void show(const builder::Event& event, SteadyTime now) { steps_.apply(event, now); }
  // A sentence about the build as a whole.
  virtual void say(const std::string& /*line*/) {}
  // Nothing is drawn any more; again is fine.
  virtual void close() {}
  const BuildSteps& steps() const { return steps_; }

 protected:
  BuildSteps steps_;
};

// "#3 [build 2/5] RUN make", "#3 0.123 output", "#3 CACHED", "#3 DONE 1.2s", "#3 ERROR".
class PlainView : public BuildView {
 public:
  PlainView(Sink sink, Colours colours) : sink_(std::move(sink)), colours_(colours) {}
  void show(const builder::Event& event, SteadyTime now) override;
  void say(const std::string& line) override;

 private:
  Sink sink_;
  Colours colours_;
  std::map<std::size_t, SteadyTime> told_;  // steps by number, and when their progress was told last
  void show_progress(const ShownStep& step, SteadyTime now);
};

// One object a line; docs/commands.md lists the members.
class JsonView : public BuildView {
 public:
  explicit JsonView(Sink sink) : sink_(std::move(sink)) {}
  void show(const builder::Event& event, SteadyTime now) override;
  void say(const std::string& line) override;

 private:
  Sink sink_;
};
base::Json json_of(const builder::Event& event);

// What is drawn at the lower end of a terminal: the running steps with their time, their bar or last lines, and a line
// about the whole. At most `size.rows` - 1 lines of less than `size.columns`. Pure.
struct LiveArea {
  const BuildSteps& steps;
  SteadyTime began;  // the build
  bool colour = true;
  std::vector<std::string> lines(SteadyTime now, linux::WindowSize size) const;
};

// Steps that have ended scroll away above the live area. Drawn at most ten times a second, by a thread of its own,
// which sleeps while nothing happens. Its functions are safe from any thread. The cursor is never hidden and stands
// below what is drawn, so whatever ends the program leaves a usable terminal.
class TerminalView : public BuildView {
 public:
  TerminalView(Sink sink, std::function<linux::WindowSize()> size, bool colour);
  ~TerminalView() override;
  void show(const builder::Event& event, SteadyTime now) override;
  void say(const std::string& line) override;
  void close() override;

 private:
  Sink sink_;
  std::function<linux::WindowSize()> size_;
  LiveArea area_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool dirty_ = false, closed_ = false;
  std::string pending_;             // whole lines that scroll away with the next drawing
  std::vector<std::size_t> drawn_;  // the width of each line that stands there
  std::jthread drawer_;

  void draw_until_closed();
  void draw(SteadyTime now);
  std::string erase(linux::WindowSize size) const;
  void last_line(const std::string& line);
  std::string ended_line(const ShownStep& step) const;
};

}  // namespace conductor::cli
