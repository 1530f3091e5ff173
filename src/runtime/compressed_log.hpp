// A file of a log that the monitor has compressed.
#pragma once

#include "linux/fd.hpp"

namespace conductor::runtime {

// What a gzip file holds, as a file in memory. Throws Error when it is damaged.
linux::Fd decompress(const linux::Fd& file);

}  // namespace conductor::runtime
