#include "builder/run.hpp"

#include "base/error.hpp"

#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <exception>
#include <thread>

namespace conductor::builder {
namespace {

using base::Error;

// Reads a pipe on a thread of its own until all writers are gone. Signals are left to the thread that started it.
class OutputPump {
 public:
  explicit OutputPump(const OutputSink& sink) : pipe_(linux::make_pipe()) {
    sigset_t all{}, before{};
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this, &sink] { pump(sink); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  ~OutputPump() { join(); }
  OutputPump(const OutputPump&) = delete;
  OutputPump& operator=(const OutputPump&) = delete;

  int writer() const { return pipe_.write.get(); }
  void finish() {
    join();
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  void join() {
    pipe_.write.reset();
    if (thread_.joinable()) thread_.join();
  }
  // A sink that fails does not stop the process that writes.
  void pump(const OutputSink& sink) {
    std::array<char, 16384> buffer;
    for (;;) {
      const ssize_t size = read(pipe_.read.get(), buffer.data(), buffer.size());
      if (size < 0 && errno == EINTR) continue;
      if (size <= 0) return;
      try {
        if (!failure_) sink({buffer.data(), static_cast<std::size_t>(size)});
      } catch (...) {
        failure_ = std::current_exception();
      }
    }
  }

  linux::Pipe pipe_;
  std::exception_ptr failure_;
  std::thread thread_;
};

engine::BuildStep build_step(const RunOrder& order, const RunMounts& mounts, const image::LayerDraft& draft) {
  const RunStep& step = order.step;
  engine::BuildStep result;
  result.lower = order.lower;
  result.upper = draft.upper();
  result.work = draft.work();
  result.process.arguments = step.arguments;
  auto& environment = result.process.environment;
  environment = step.proxies;
  environment.insert(environment.end(), step.environment.begin(), step.environment.end());
  environment.insert(environment.end(), mounts.environment().begin(), mounts.environment().end());
  result.secrets = mounts.secrets();
  result.process.user = step.user;
  result.process.working_directory = step.working_directory;
  result.network = step.network == NetworkChoice::standard;
  result.host_network = step.network == NetworkChoice::host;
  result.mounts = mounts.mounts();
  result.add_hosts = step.add_hosts;
  result.limits = order.options.limits;
  result.shm_size = order.options.shm_size;
  result.cancellation = order.cancellation;
  return result;
}

bool is_disk_full(const std::string& path) {
  struct statvfs system{};
  return statvfs(path.c_str(), &system) == 0 && (system.f_bavail == 0 || (system.f_files != 0 && system.f_favail == 0));
}

}  // namespace

void run_step(engine::Engine& engine, const RunOrder& order, const image::LayerDraft& draft, const OutputSink& sink) {
  const MountSupplies supplies{order.options.secrets, order.options.ssh, order.cancellation};
  const RunMounts mounts(engine.locations(), order.step, order.sources, supplies);
  OutputPump output(sink);
  const auto end = engine.run_build_step(build_step(order, mounts, draft), {-1, output.writer(), output.writer()});
  output.finish();
  if (end.code == 0) return;
  Error failure("exit code " + std::to_string(end.code));
  if (end.out_of_memory)
    failure.with_hint("it ran out of memory: the kernel has killed a process of it");
  else if (is_disk_full(draft.upper()))
    failure.with_hint("the disk that holds the images is full");
  throw failure;
}

}  // namespace conductor::builder
