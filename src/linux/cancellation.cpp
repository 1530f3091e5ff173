#include "linux/cancellation.hpp"

#include "base/error.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

namespace conductor::linux {

Cancellation::Cancellation() : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!event_) throw base::Error::from_errno("cannot make an event descriptor");
}

void Cancellation::request() noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(event_.get(), &one, sizeof one);  // EAGAIN: requested 2^64 times
}

bool Cancellation::requested() const noexcept {
  pollfd wait{event_.get(), POLLIN, 0};
  return poll(&wait, 1, 0) == 1;
}

void Cancellation::check() const {
  if (requested()) throw base::Error("interrupted");
}

}  // namespace conductor::linux
