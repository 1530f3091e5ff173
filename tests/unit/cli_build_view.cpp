#include "cli/build_progress.hpp"
#include "cli/build_view.hpp"
#include "support/catch.hpp"

#include <condition_variable>
#include <mutex>

using namespace conductor;
using namespace std::chrono_literals;
using builder::Event;
using Kind = Event::Kind;

namespace {

const cli::SteadyTime start{};

Event event(Kind kind, std::size_t vertex, std::string text = {}) {
  Event e;
  e.kind = kind;
  e.vertex = vertex;
  e.step = static_cast<int>(vertex), e.steps = 5;
  e.stage = "build";
  e.text = std::move(text);
  return e;
}

// Text written by a view from any thread.
class Screen {
 public:
  cli::Sink sink() {
    return [this](std::string_view bytes) {
      const std::lock_guard lock(mutex_);
      text_ += bytes;
      changed_.notify_all();
    };
  }
  std::string text() {
    const std::lock_guard lock(mutex_);
    return text_;
  }
  bool wait_for(const std::string& part) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 5s, [&] { return text_.find(part) != std::string::npos; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string text_;
};

std::vector<std::string> live(const cli::BuildSteps& steps, linux::WindowSize size, cli::SteadyTime now) {
  return cli::LiveArea{steps, start, false}.lines(now, size);
}

}  // namespace

TEST_CASE("build view: plain lines carry the number of their step") {
  Screen screen;
  cli::PlainView view(screen.sink(), cli::Colours::drop);
  view.show(event(Kind::began, 1, "FROM a"), start);
  view.show(event(Kind::cached, 1), start + 1ms);
  view.show(event(Kind::began, 2, "RUN make"), start + 2ms);
  view.show(event(Kind::output, 2, "one\ntw"), start + 125ms);
  view.show(event(Kind::output, 2, "o\x1b[31m!\x1b[0m\nrest"), start + 126ms);
  Event done = event(Kind::done, 2);
  done.took = 1200ms;
  view.show(done, start + 1202ms);
  view.show(event(Kind::began, 3, "RUN false"), start + 2s);
  view.show(event(Kind::failed, 3), start + 2s + 100ms);
  CHECK(screen.text() ==
        "#1 [build 1/5] FROM a\n#1 CACHED\n#2 [build 2/5] RUN make\n#2 0.123 one\n#2 0.124 two!\n#2 1.200 rest\n"
        "#2 DONE 1.2s\n#3 [build 3/5] RUN false\n#3 ERROR after 0.1s\n");
}

TEST_CASE("build view: a step that is only ever cached has its title, and work without a step is internal") {
  Screen screen;
  cli::PlainView view(screen.sink(), cli::Colours::drop);
  view.show(event(Kind::cached, 4, "COPY . ."), start);
  Event context;
  context.kind = Kind::began, context.vertex = 7, context.text = "load the context";
  view.show(context, start);
  Event note;
  note.text = "a note\x1b[2J";
  view.show(note, start);
  CHECK(screen.text() == "#4 [build 4/5] COPY . .\n#4 CACHED\n#7 [internal] load the context\na note\\x1b[2J\n");
}

TEST_CASE("build view: progress is told in plain lines every few seconds only") {
  Screen screen;
  cli::PlainView view(screen.sink(), cli::Colours::drop);
  Event progress = event(Kind::progress, 1, "copying");
  progress.unit = "B", progress.total = 4'000'000;
  for (int i = 0; i <= 120; ++i) {
    progress.current = i * 10'000;
    view.show(progress, start + i * 100ms);
  }
  CHECK(screen.text() ==
        "#1 [build 1/5] copying\n#1 5.000 copying  12%  500kB / 4MB  100kB/s\n"
        "#1 10.000 copying  25%  1MB / 4MB  100kB/s\n");
}

TEST_CASE("build view: JSON has an object a line") {
  Screen screen;
  cli::JsonView view(screen.sink());
  Event done = event(Kind::done, 2, "x\ny");
  done.took = 1500ms;
  view.show(done, start);
  const auto json = base::Json::parse(screen.text());
  CHECK(*json.find("kind")->string() == "done");
  CHECK(*json.find("vertex")->integer() == 2);
  CHECK(*json.find("step")->integer() == 2);
  CHECK(*json.find("stage")->string() == "build");
  CHECK(*json.find("text")->string() == "x\ny");
  CHECK(*json.find("seconds")->number() == 1.5);
  CHECK(screen.text().find('\n') == screen.text().size() - 1);
}

TEST_CASE("build view: the live area shows running steps, their last lines and the whole") {
  cli::BuildSteps steps;
  steps.apply(event(Kind::cached, 1, "FROM a"), start);
  steps.apply(event(Kind::began, 2, "RUN make"), start);
  for (int i = 0; i < 30; ++i) steps.apply(event(Kind::output, 2, "line " + std::to_string(i) + "\n"), start);
  steps.apply(event(Kind::output, 2, "10%\r20%"), start);
  CHECK(live(steps, {24, 50}, start + 1500ms) ==
        std::vector<std::string>{"=> [build 2/5] RUN make                      1.5s", "   | line 25", "   | line 26",
                                 "   | line 27", "   | line 28", "   | line 29", "   | 20%",
                                 "Building: 1 step done, 1 running             1.5s"});
}

TEST_CASE("build view: a bar says how far and how fast") {
  cli::BuildSteps steps;
  Event progress = event(Kind::progress, 3, "copying");
  progress.unit = "B", progress.total = 1000;
  steps.apply(progress, start);
  progress.current = 500;
  steps.apply(progress, start);
  CHECK(live(steps, {24, 80}, start + 1s)[1] == "   | [============>           ] copying  50%  500B / 1kB  500B/s");
  progress.current = 2000;  // more than was said before
  steps.apply(progress, start);
  CHECK(live(steps, {24, 80}, start + 2s)[1].find("[========================] copying  100%") != std::string::npos);
}

TEST_CASE("build view: work besides the steps is told in the last line, until it is whole") {
  Screen screen;
  cli::PlainView plain(screen.sink(), cli::Colours::drop);
  cli::BuildSteps steps;
  Event progress;
  progress.kind = Kind::progress, progress.text = "fetching", progress.unit = "B", progress.total = 1000;
  for (int i = 1; i <= 10; ++i) {
    progress.current = i * 100;
    steps.apply(progress, start + i * 1s);
    plain.show(progress, start + i * 1s);
    const auto last = live(steps, {24, 80}, start + i * 1s).back();
    CHECK((last.find("; fetching  " + std::to_string(i * 10) + "%") != std::string::npos) == (i < 10));
  }
  CHECK(screen.text() == "fetching  60%  600B / 1kB  100B/s\n");
}

TEST_CASE("build view: a step that begins again is told again") {
  Screen screen;
  cli::PlainView view(screen.sink(), cli::Colours::drop);
  for (int i = 0; i < 2; ++i) {
    view.show(event(Kind::began, 1, "RUN date"), start + i * 1s);
    view.show(event(Kind::done, 1), start + i * 1s + 500ms);
  }
  CHECK(screen.text() == "#1 [build 1/5] RUN date\n#1 DONE 0.5s\n#1 [build 1/5] RUN date\n#1 DONE 0.5s\n");
}

TEST_CASE("build view: the live area fits every terminal") {
  cli::BuildSteps steps;
  for (std::size_t i = 1; i <= 50; ++i) {
    steps.apply(event(Kind::began, i, "RUN " + std::string(500, 'x')), start);
    for (int line = 0; line < 10; ++line) steps.apply(event(Kind::output, i, std::string(500, 'y') + "\n"), start);
  }
  for (const auto rows : {1, 2, 3, 5, 24, 100, 400})
    for (const auto columns : {1, 2, 10, 20, 80, 1000}) {
      const linux::WindowSize size{static_cast<unsigned short>(rows), static_cast<unsigned short>(columns)};
      const auto lines = live(steps, size, start + 1s);
      CAPTURE(rows, columns);
      CHECK(lines.size() < static_cast<std::size_t>(std::max(rows, 3)));
      for (const auto& line : lines) CHECK(cli::display_width(line) < static_cast<std::size_t>(std::max(columns, 2)));
    }
}

TEST_CASE("build view: a terminal keeps what has ended above what runs, and is left clean") {
  Screen screen;
  cli::TerminalView view(screen.sink(), [] { return linux::WindowSize{24, 60}; }, false);
  view.show(event(Kind::began, 1, "RUN make"), std::chrono::steady_clock::now());
  view.show(event(Kind::output, 1, "\x1b[2Jout\n"), std::chrono::steady_clock::now());
  REQUIRE(screen.wait_for("   | out\n"));
  view.show(event(Kind::done, 1), std::chrono::steady_clock::now());
  view.say("a sentence");
  view.close();
  view.close();
  const std::string text = screen.text();
  CHECK(text.find("\x1b[2J") == std::string::npos);
  // The picture is taken away with its three lines, and what has ended stays.
  const auto last = text.rfind("\x1b[");
  REQUIRE(last != std::string::npos);
  CHECK(text.substr(last).starts_with("\x1b[J"));
  CHECK(text.find("=> [build 1/5] RUN make", last) != std::string::npos);
  CHECK(text.ends_with("a sentence\n"));
}

TEST_CASE("build view: endless lines and progress bars take bounded memory") {
  cli::OutputLines lines;
  for (int i = 0; i < 100'000; ++i) lines.add("\r" + std::to_string(i), cli::Colours::drop, {});
  CHECK(lines.open() == "99999");
  for (int i = 0; i < 1000; ++i) lines.add("50%\r", cli::Colours::drop, {});
  CHECK(lines.open() == "50%");
  lines.add("\n", cli::Colours::drop, {});
  CHECK(lines.last().back() == "50%");
  for (int i = 0; i < 1000; ++i) lines.add(std::string(100, 'x'), cli::Colours::drop, {});
  CHECK(lines.open().size() == 4096);
}

TEST_CASE("build view: a failed step is shown with its last twenty lines") {
  cli::BuildSteps steps;
  steps.apply(event(Kind::began, 2, "RUN make"), start);
  for (int i = 1; i <= 30; ++i) steps.apply(event(Kind::output, 2, std::to_string(i) + "\n"), start);
  steps.apply(event(Kind::output, 2, "the end"), start);
  steps.apply(event(Kind::failed, 2), start);
  steps.apply(event(Kind::failed, 3, "RUN other"), start);
  REQUIRE(steps.failed() != nullptr);
  const std::string text = cli::failure_text(*steps.failed());
  CHECK(text.starts_with("------\n > [build 2/5] RUN make:\n12\n13\n"));
  CHECK(text.ends_with("30\nthe end\n------\n"));
}

TEST_CASE("build view: times of steps") {
  CHECK(cli::step_time(0ms) == "0.0s");
  CHECK(cli::step_time(59'990ms) == "59.9s");
  CHECK(cli::step_time(65s) == "1m05s");
}

TEST_CASE("build view: an instruction of several lines is known by its first") {
  CHECK(cli::step_title(event(Kind::began, 2, "RUN <<EOF\necho\nEOF")) == "[build 2/5] RUN <<EOF …");
}
