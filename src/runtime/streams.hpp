#pragma once

namespace conductor::runtime {

// Where a container's streams go while somebody waits for it: descriptors of the caller, -1 for none. The log is
// written as well. With a terminal, `output` is the controlling side's other end: the caller's terminal.
struct Streams {
  int input = -1;
  int output = -1;
  int error = -1;
};

}  // namespace conductor::runtime
