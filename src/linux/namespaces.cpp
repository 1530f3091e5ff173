#include "linux/namespaces.hpp"

#include "base/error.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <exception>

namespace conductor::linux {

using base::Error;

Fd open_namespace(pid_t pid, const char* kind) {
  return open_file("/proc/" + std::to_string(pid) + "/ns/" + kind, O_RDONLY);
}

Fd open_own_namespace(const char* kind) { return open_file(std::string("/proc/thread-self/ns/") + kind, O_RDONLY); }

void enter_namespace(const Fd& ns) {
  if (setns(ns.get(), 0) != 0) throw Error::from_errno("cannot enter a namespace");
}

bool same_namespace(const Fd& a, const Fd& b) {
  struct stat first{};
  struct stat second{};
  if (fstat(a.get(), &first) != 0 || fstat(b.get(), &second) != 0)
    throw Error::from_errno("cannot look at a namespace");
  return first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

void in_network_namespace(const Fd& ns, const std::function<void()>& body) {
  const Fd own = open_own_namespace("net");
  enter_namespace(ns);
  // A thread that cannot come back would go on changing the network of somebody else: then the program ends.
  const auto come_back = [&own]() noexcept { enter_namespace(own); };
  try {
    body();
  } catch (...) {
    come_back();
    throw;
  }
  come_back();
}

void set_hostname(const std::string& name) {
  if (sethostname(name.data(), name.size()) != 0) throw Error::from_errno("cannot set the host name " + name);
}

}  // namespace conductor::linux
