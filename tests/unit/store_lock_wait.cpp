// Locks that are waited for as long as it takes.
#include "base/error.hpp"
#include "linux/process.hpp"
#include "store/lock.hpp"
#include "support/catch.hpp"
#include "support/temp.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <thread>
#include <vector>

namespace {

using conductor::store::Lock;
namespace linux_ = conductor::linux;

// A process of its own that holds the lock until it is killed; whole when the lock is held.
class Holder {
 public:
  explicit Holder(const std::string& path) {
    auto ready = linux_::make_pipe();
    pid_ = fork();
    if (pid_ == 0) {
      const Lock lock = Lock::acquire(path);
      linux_::write_all(ready.write.get(), "x");
      for (;;) pause();
    }
    char byte = 0;
    REQUIRE(read(ready.read.get(), &byte, 1) == 1);
  }
  ~Holder() { kill(); }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  pid_t pid_ = -1;
};

}  // namespace

TEST_CASE("a free lock is taken at once, and its file goes with it") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "lock";
  Lock lock = Lock::wait(path, nullptr);
  CHECK_FALSE(Lock::try_acquire(path));
  lock.remove(path);
  CHECK_FALSE(std::filesystem::exists(path));
  CHECK(Lock::try_acquire(path));
}

TEST_CASE("a waiter is woken by the release, with and without the file") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "lock";
  for (const bool removed : {false, true}) {
    std::optional<Lock> held(Lock::acquire(path));
    std::atomic<bool> got = false;
    std::thread waiter([&] {
      Lock lock = Lock::wait(path, nullptr);
      got = true;
      lock.remove(path);
    });
    CHECK_FALSE(got);
    removed ? held->remove(path) : held->release();
    waiter.join();
    CHECK(got);
  }
}

TEST_CASE("the lock of a killed holder is taken") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "lock";
  Holder holder(path);
  std::thread waiter([&] { Lock::wait(path, nullptr); });
  holder.kill();
  waiter.join();
  CHECK(Lock::try_acquire(path));
}

TEST_CASE("a wait ends with its cancellation") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "lock";
  const Lock held = Lock::acquire(path);
  linux_::Cancellation cancellation;
  std::string message;
  std::thread waiter([&] {
    try {
      Lock::wait(path, &cancellation);
    } catch (const conductor::base::Error& error) {
      message = error.what();
    }
  });
  cancellation.request();
  waiter.join();
  CHECK(message == "interrupted");
}

TEST_CASE("many take turns, and one alone at a time") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "lock";
  std::atomic<int> inside = 0, most = 0, turns = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      for (int turn = 0; turn < 20; ++turn) {
        Lock lock = Lock::wait(path, nullptr);
        if (++inside > most) most = inside.load();
        ++turns;
        --inside;
        lock.remove(path);
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(turns == 160);
  CHECK(most == 1);
  CHECK_FALSE(std::filesystem::exists(path));
}
