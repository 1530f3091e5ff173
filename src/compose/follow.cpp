#include "compose/follow.hpp"

#include "base/log.hpp"
#include "linux/fd.hpp"

#include <condition_variable>
#include <mutex>
#include <thread>

namespace conductor::compose {

struct Follower::Shared {
  store::Locations locations;
  std::function<void(const LogLine&)> sink;
  std::mutex mutex;
  std::condition_variable ended;
  std::size_t running = 0;
  bool abandoned = false;
  linux::Pipe pipe = linux::make_pipe();  // its writing end is closed when nothing runs any more

  void tell(const LogLine& line) {
    const std::lock_guard lock(mutex);
    if (!abandoned) sink(line);
  }
  void end_one() {
    const std::lock_guard lock(mutex);
    if (--running == 0) {
      pipe.write.reset();
      ended.notify_all();
    }
  }
};

namespace {

// Puts the pieces of one stream together to lines.
struct Pending {
  std::string text;
  std::int64_t unix_ns = 0;
};

template <class Tell>
void add_bytes(Pending& pending, std::int64_t unix_ns, std::string_view bytes, const Tell& tell) {
  if (pending.text.empty()) pending.unix_ns = unix_ns;
  while (true) {
    const auto end = bytes.find('\n');
    pending.text += bytes.substr(0, end);
    if (end == std::string_view::npos) return;
    tell(pending);
    pending = {{}, unix_ns};
    bytes.remove_prefix(end + 1);
  }
}

}  // namespace

Follower::Follower(store::Locations locations, std::function<void(const LogLine&)> sink)
    : shared_(std::make_shared<Shared>()) {
  shared_->locations = std::move(locations);
  shared_->sink = std::move(sink);
}

Follower::~Follower() {
  const std::lock_guard lock(shared_->mutex);
  shared_->abandoned = true;
}

void Follower::add(const std::string& id, const std::string& name, const runtime::LogOptions& options) {
  {
    const std::lock_guard lock(shared_->mutex);
    if (++shared_->running == 1 && !shared_->pipe.write) shared_->pipe = linux::make_pipe();
  }
  std::thread([shared = shared_, id, name, options] {
    const auto tell = [&](const Pending& line) { shared->tell({name, line.unix_ns, line.text}); };
    try {
      runtime::Runtime runtime(shared->locations);
      Pending pending[2];
      runtime.logs(id, options, [&](runtime::Stream stream, std::int64_t unix_ns, std::string_view bytes) {
        add_bytes(pending[stream == runtime::Stream::error ? 1 : 0], unix_ns, bytes, tell);
      });
      for (const auto& rest : pending)
        if (!rest.text.empty()) tell(rest);
    } catch (const std::exception& e) {
      base::log(base::LogLevel::debug, std::string("following ") + name + ": " + e.what());
    }
    shared->end_one();
  }).detach();
}

void Follower::wait() {
  std::unique_lock lock(shared_->mutex);
  shared_->ended.wait(lock, [this] { return shared_->running == 0; });
}

int Follower::finished() const { return shared_->pipe.read.get(); }

}  // namespace conductor::compose
