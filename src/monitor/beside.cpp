#include "monitor/beside.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

namespace conductor::monitor {
namespace {

void keep_only(std::vector<int> kept) {
  std::sort(kept.begin(), kept.end());
  unsigned from = 0;
  for (const int fd : kept) {
    const auto number = static_cast<unsigned>(fd);
    if (number > from) close_range(from, number - 1, 0);
    from = number + 1;
  }
  close_range(from, ~0U, 0);
  // Nothing that is opened later gets the number of a standard stream.
  int null = 0;
  do null = open("/dev/null", O_RDWR | O_CLOEXEC);
  while (null >= 0 && null < STDERR_FILENO);
}

}  // namespace

linux::Child clone_beside(std::vector<int> kept, const std::function<int()>& body) {
  return linux::clone_child(0, [&] {
    keep_only(std::move(kept));
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    return body();
  });
}

}  // namespace conductor::monitor
