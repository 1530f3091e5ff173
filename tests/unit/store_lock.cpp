// Locks on objects: exclusive and shared, freed with their holder, and a holder is named.
#include "base/error.hpp"
#include "linux/process.hpp"
#include "store/lock.hpp"
#include "support/catch.hpp"
#include "support/temp.hpp"

#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <thread>

namespace {

using conductor::store::Lock;
namespace linux_ = conductor::linux;

TEST_CASE("an exclusive lock keeps others out until it is released") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "lock";
  Lock first = Lock::acquire(path);
  CHECK_FALSE(Lock::try_acquire(path));
  CHECK_FALSE(Lock::try_acquire(path, Lock::Mode::shared));
  first.release();
  CHECK(Lock::try_acquire(path));
}

TEST_CASE("shared locks are held together") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "lock";
  const Lock first = Lock::acquire(path, Lock::Mode::shared);
  CHECK(Lock::try_acquire(path, Lock::Mode::shared));
  CHECK_FALSE(Lock::try_acquire(path));
}

TEST_CASE("a wait that takes too long names the holder") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "lock";
  const Lock held = Lock::acquire(path);
  CHECK_THROWS_WITH(Lock::acquire(path, Lock::Mode::exclusive, std::chrono::seconds(0)),
                    Contains(path) && Contains("process " + std::to_string(getpid()) + " (unit_store"));
}

TEST_CASE("a waiter gets the lock when it is released") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "lock";
  Lock held = Lock::acquire(path);
  bool got = false;
  std::thread waiter([&] {
    const Lock lock = Lock::acquire(path);
    got = true;
  });
  held.release();
  waiter.join();
  CHECK(got);
}

TEST_CASE("the lock of a killed process is free") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "lock";
  const auto ready = linux_::make_pipe();
  const auto child = linux_::clone_child(0, [&] {
    const Lock lock = Lock::acquire(path);
    linux_::write_all(ready.write.get(), "x");
    pause();
    return 0;
  });
  char byte = 0;
  REQUIRE(read(ready.read.get(), &byte, 1) == 1);
  CHECK_FALSE(Lock::try_acquire(path));
  linux_::send_signal(child.pidfd, SIGKILL);
  linux_::wait_for(child.pidfd);
  CHECK(Lock::try_acquire(path));
}

TEST_CASE("a lock on a removed file is made anew") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "lock";
  const Lock old = Lock::acquire(path);
  REQUIRE(std::filesystem::remove(path));
  CHECK(Lock::try_acquire(path));
}

}  // namespace
