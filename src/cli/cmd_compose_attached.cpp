#include "cli/cmd_compose_attached.hpp"

#include "base/text.hpp"
#include "base/units.hpp"
#include "cli/output.hpp"
#include "linux/events.hpp"
#include "linux/terminal.hpp"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <thread>

namespace conductor::cli {

namespace {

constexpr std::array colours = {"\x1b[36m", "\x1b[33m", "\x1b[32m", "\x1b[35m", "\x1b[34m", "\x1b[96m"};
constexpr int interrupted = 128 + SIGINT;

// A foreground project from the first operation to the last line.
class Attached {
 public:
  Attached(engine::Engine& engine, const compose::Project& project, LogPrefix::Style style)
      : engine_(engine),
        project_(project),
        signals_(linux::signal_descriptor({SIGINT, SIGTERM, SIGHUP})),
        wake_(linux::make_pipe()),
        prefix_(style),
        follower_(engine.locations(), [this](const compose::LogLine& line) { prefix_.print(line); }) {
    for (const auto& service : project.services)
      for (const auto& config : service.containers) prefix_.reserve(config.name);
  }

  int run(const compose::UpOptions& options) {
    if (!bring_up(options)) return interrupted;
    follow_the_running();
    if (followed_.empty() || wait_for(follower_.finished())) return 0;
    return shut_down();
  }

 private:
  engine::Engine& engine_;
  const compose::Project& project_;
  linux::Fd signals_;
  linux::Pipe wake_;
  LogPrefix prefix_;
  Reporter reporter_;
  std::set<std::string> followed_;  // the working thread's until it is joined
  std::atomic<compose::Executor*> executor_{nullptr};
  std::int64_t began_ = base::now_unix_ns();
  compose::Follower follower_;

  // False when the user has interrupted it; then what was started is stopped again.
  bool bring_up(const compose::UpOptions& options) {
    compose::Session session = reporter_.session(engine_);
    const auto say = session.listener;
    session.listener = [&](const compose::Plan& plan, const compose::Update& update) {
      say(plan, update);
      const auto* started = std::get_if<compose::StartContainer>(&plan.steps[update.step].operation);
      if (started != nullptr && update.kind == compose::Update::Kind::done) follow(engine_.find(started->name));
    };
    session.running = [this](compose::Executor& executor) { executor_ = &executor; };
    std::exception_ptr failure;
    std::jthread work([&] {
      try {
        compose::up(session, project_, options);
      } catch (...) {
        failure = std::current_exception();
      }
      executor_ = nullptr;
      linux::write_all(wake_.write.get(), "x");
    });
    const bool came_to_its_end = wait_for(wake_.read.get());
    if (!came_to_its_end)
      if (auto* executor = executor_.load()) executor->cancel();
    work.join();
    if (came_to_its_end && failure) std::rethrow_exception(failure);
    if (!came_to_its_end) shut_down();
    return came_to_its_end;
  }

  void follow(const engine::Container& container) {
    if (!followed_.insert(container.id).second) return;
    runtime::LogOptions options;
    options.follow = true;
    options.since = began_;
    follower_.add(container.id, container.config.name, options);
  }

  void follow_the_running() {
    for (const auto& container : compose::observe(engine_, project_.name, nullptr).containers)
      if (container.running() && project_.find(container.service) != nullptr) follow(container.container);
  }

  // True when `descriptor` became readable; false when a signal came first.
  bool wait_for(int descriptor) {
    std::array<pollfd, 2> waits = {pollfd{descriptor, POLLIN, 0}, {signals_.get(), POLLIN, 0}};
    while (poll(waits.data(), waits.size(), -1) < 0) {
    }
    return (waits[1].revents & POLLIN) == 0;
  }

  // Stops everything in reverse order; a further signal kills.
  int shut_down() {
    linux::next_signal(signals_);
    print_error("Stopping … (press Ctrl-C again to kill)");
    std::atomic<bool> stopped{false};
    linux::Pipe done = linux::make_pipe();
    std::jthread work([&] {
      try {
        compose::change(reporter_.session(engine_), project_.name, compose::Lifecycle::stop, {}, std::nullopt);
      } catch (const base::Error& e) {
        say(base::escape_control(e.message()));
      }
      stopped = true;
      linux::write_all(done.write.get(), "x");
    });
    std::array<pollfd, 2> waits = {pollfd{done.read.get(), POLLIN, 0}, {signals_.get(), POLLIN, 0}};
    while (!stopped && poll(waits.data(), waits.size(), -1) >= 0 && (waits[0].revents & POLLIN) == 0) {
      if (!linux::next_signal(signals_)) continue;
      kill_all();
    }
    work.join();
    return interrupted;
  }

  void kill_all() {
    base::Collector ignored;  // one that has ended meanwhile is as good as killed
    for (const auto& container : compose::observe(engine_, project_.name, nullptr).containers)
      if (container.running()) ignored.attempt([&] { engine_.kill(container.container.id, SIGKILL); });
  }
};

}  // namespace

LogPrefix::LogPrefix(Style style) : style_(style) {
  style_.colour = style_.colour && linux::is_terminal(STDOUT_FILENO);
}

void LogPrefix::reserve(const std::string& name) {
  width_ = std::max(width_, name.size());
  colours_.emplace(name, colours_.size() % colours.size());
}

void LogPrefix::print(const compose::LogLine& line) {
  reserve(line.container);
  std::string out;
  if (style_.prefix) {
    if (style_.colour) out += colours[colours_[line.container]];
    out += line.container + std::string(width_ - line.container.size(), ' ') + "  | ";
    if (style_.colour) out += "\x1b[0m";
  }
  if (style_.timestamps) out += base::format_time(line.unix_ns) + " ";
  cli::print(out + line.text + "\n");
}

int up_attached(engine::Engine& engine, const compose::Project& project, const compose::UpOptions& options,
                LogPrefix::Style style) {
  return Attached(engine, project, style).run(options);
}

}  // namespace conductor::cli
