#include "store/lock.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "linux/events.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <thread>

namespace conductor::store {
namespace {

using base::Error;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds first_pause(1);
constexpr milliseconds longest_pause(50);

// "MAJOR:MINOR:INODE" as /proc/locks writes it.
std::string lock_key(int fd) {
  struct stat found{};
  if (fstat(fd, &found) != 0) throw Error::from_errno("cannot look at a lock");
  char text[64];
  std::snprintf(text, sizeof text, "%02x:%02x:%llu", major(found.st_dev), minor(found.st_dev),
                static_cast<unsigned long long>(found.st_ino));
  return text;
}

// ", held by PID (PROGRAM)", or nothing where the kernel does not tell. Fields of a line in /proc/locks (proc(5)):
// number, kind, ADVISORY, READ or WRITE, pid, device and inode; a line with "->" is somebody who waits.
std::string describe_holder(int fd) {
  const std::string key = lock_key(fd);
  for (const auto& line : base::split(linux::try_read_file("/proc/locks").value_or(""), '\n')) {
    if (line.find(" " + key + " ") == std::string::npos || line.find("->") != std::string::npos) continue;
    std::vector<std::string> words = base::split(line, ' ');
    std::erase(words, "");
    if (words.size() < 6 || words[1] != "FLOCK") continue;
    const std::string& pid = words[4];
    const auto program = linux::try_read_file("/proc/" + pid + "/comm");
    if (!program) return ", held by process " + pid;
    return ", held by process " + pid + " (" + base::escape_control(base::trim(*program)) + ")";
  }
  return "";
}

bool take(int fd, Lock::Mode mode) {
  const int operation = (mode == Lock::Mode::shared ? LOCK_SH : LOCK_EX) | LOCK_NB;
  if (flock(fd, operation) == 0) return true;
  if (errno == EWOULDBLOCK || errno == EINTR) return false;
  throw Error::from_errno("cannot lock");
}

// A lock on a file that is gone, or has been moved away with its directory, locks nothing: the next one makes a new
// file.
bool is_named(int fd, const std::string& path) {
  struct stat held{};
  struct stat named{};
  return fstat(fd, &held) == 0 && stat(path.c_str(), &named) == 0 && held.st_dev == named.st_dev &&
         held.st_ino == named.st_ino;
}

// Until something happens to a watched file, the cancellation is requested, or the time is over.
void wait_for_change(linux::Watch& watch, const linux::Cancellation* cancellation, milliseconds limit) {
  pollfd events[2] = {{watch.get(), POLLIN, 0}, {cancellation != nullptr ? cancellation->descriptor() : -1, POLLIN, 0}};
  if (poll(events, 2, static_cast<int>(limit.count())) < 0 && errno != EINTR)
    throw Error::from_errno("cannot wait for a lock");
  if (events[0].revents != 0) watch.drain();
}

}  // namespace

// flock(2) has no time limit, and a signal to end the wait would belong to the whole process; an event for the release
// comes before the lock is free. So a waiter asks again, after 1 ms at first and every 50 ms in the end.
Lock Lock::acquire(const std::string& path, Mode mode, std::chrono::seconds limit) {
  const auto deadline = steady_clock::now() + limit;
  for (milliseconds pause = first_pause;; pause = std::min(2 * pause, longest_pause)) {
    if (auto lock = try_acquire(path, mode)) return std::move(*lock);
    if (steady_clock::now() >= deadline) {
      const linux::Fd file = linux::open_file(path, O_RDONLY | O_CREAT, 0600);
      throw Error("waited " + std::to_string(limit.count()) + " s for the lock " + path + describe_holder(file.get()));
    }
    std::this_thread::sleep_for(pause);
  }
}

std::optional<Lock> Lock::try_acquire(const std::string& path, Mode mode) {
  for (;;) {
    linux::Fd file = linux::open_file(path, O_RDWR | O_CREAT, 0600);
    const base::Context context(path);
    if (!take(file.get(), mode)) return std::nullopt;
    if (is_named(file.get(), path)) return Lock(std::move(file));
  }
}

// A holder that ends closes its file, and one that is done removes it: both are told of by inotify(7). The close is
// told of just before the kernel lets the lock go, so the next looks follow soon, and then ever more rarely.
Lock Lock::wait(const std::string& path, const linux::Cancellation* cancellation) {
  constexpr milliseconds rarely(1000);
  for (;;) {
    linux::Fd file = linux::open_file(path, O_RDWR | O_CREAT, 0600);
    linux::Watch watch;
    if (!watch.add(path, IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF)) continue;
    for (milliseconds pause = first_pause; is_named(file.get(), path); pause = std::min(2 * pause, rarely)) {
      if (take(file.get(), Mode::exclusive)) {
        if (is_named(file.get(), path)) return Lock(std::move(file));
        break;
      }
      if (cancellation != nullptr) cancellation->check();
      wait_for_change(watch, cancellation, pause);
    }
  }
}

// While it is still held: nobody else has taken this file meanwhile, and whoever opened it sees that it is gone.
void Lock::remove(const std::string& path) {
  unlink(path.c_str());
  file_.reset();
}

}  // namespace conductor::store
