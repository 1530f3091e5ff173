// "Stop what you are doing", from one thread to all others, as something that can be waited for (eventfd(2)).
#pragma once

#include "linux/fd.hpp"

namespace conductor::linux {

class Cancellation {
 public:
  Cancellation();
  void request() noexcept;  // async-signal-safe; again is fine
  bool requested() const noexcept;
  // Throws base::Error "interrupted" when it was requested.
  void check() const;
  // Readable from the request on: for poll(2). Never read it.
  int descriptor() const { return event_.get(); }

 private:
  Fd event_;
};

}  // namespace conductor::linux
