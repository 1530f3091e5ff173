// What a process on its way to its program tells the monitor, over a socket that the execution closes: its end without
// a failure means that the program runs.
#pragma once

#include "base/fields.hpp"

#include <string>

namespace conductor::monitor {

enum class Step : unsigned char {
  ready,   // everything is set up; a terminal's controlling side comes along. It waits for `go`
  go,      // from the monitor
  failed,  // it ends
};
struct ChildMessage {
  Step step = Step::ready;
  int code = 0;       // failed: 125, 126 or 127
  std::string error;  // failed
};
template <base::Is<ChildMessage> S, class V>
void fields(S& s, V&& v) {
  v("step", s.step), v("code", s.code), v("error", s.error);
}

// Says over `channel` why it failed; returns the exit code.
int report_failure(int channel, const std::exception& failure);

}  // namespace conductor::monitor
