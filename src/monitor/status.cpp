#include "monitor/status.hpp"

#include "base/error.hpp"
#include "base/wire.hpp"

#include <fcntl.h>

#include <cstdio>
#include <ctime>

namespace conductor::monitor {

void write_status(const std::string& path, const Status& status) {
  const std::string temporary = path + ".tmp";
  {
    const linux::Fd file = linux::open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    linux::write_all(file.get(), base::to_wire(status));
  }
  if (std::rename(temporary.c_str(), path.c_str()) != 0) throw base::Error::from_errno("cannot write " + path);
}

std::int64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace conductor::monitor
