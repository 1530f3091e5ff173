// The table of system calls behind the default filter.
#pragma once

#include "linux/capabilities.hpp"

#include <vector>

namespace conductor::linux {

// Calls of one subject, names separated by blanks. They are allowed with any capability of `needs`, or always when that
// is 0; else they fail with EPERM. A call in no group fails with ENOSYS, as on a kernel that lacks it.
struct CallGroup {
  const char* subject;
  CapabilitySet needs;
  const char* calls;
};
const std::vector<CallGroup>& call_groups();

// No process gets these, whatever its capabilities: EPERM.
const char* refused_calls();

// Calls later than the oldest libseccomp we build with; the same number on every architecture we run on.
struct LateCall {
  const char* name;
  int number;
};
const std::vector<LateCall>& late_calls();

}  // namespace conductor::linux
