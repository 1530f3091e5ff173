// Apart from the making of filters, so that who only installs one does not link libseccomp.
#include "base/error.hpp"
#include "linux/seccomp.hpp"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <vector>

namespace conductor::linux {

void install_filter(const std::string& filter) {
  if (filter.empty()) return;
  if (filter.size() % sizeof(sock_filter) != 0 || filter.size() / sizeof(sock_filter) > BPF_MAXINSNS)
    throw base::Error("a system call filter of a wrong size");
  std::vector<sock_filter> instructions(filter.size() / sizeof(sock_filter));
  std::memcpy(instructions.data(), filter.data(), filter.size());
  sock_fprog program{static_cast<unsigned short>(instructions.size()), instructions.data()};
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
    throw base::Error::from_errno("cannot install the system call filter");
}

}  // namespace conductor::linux
