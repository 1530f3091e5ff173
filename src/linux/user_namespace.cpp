#include "linux/user_namespace.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "linux/namespaces.hpp"
#include "linux/process.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <limits>

namespace conductor::linux {
namespace {

using base::Error;

void write_map(pid_t process, const char* name, const std::string& map) {
  const base::Context context(name);
  write_kernel_file("/proc/" + std::to_string(process) + "/" + name, map);
}

// The outside id of inside id 0, as /proc/PID/uid_map has it: "0 100000 65536".
std::uint32_t outside_of_root(pid_t process, const char* name) {
  const std::string text = read_file("/proc/" + std::to_string(process) + "/" + name);
  for (const auto& line : base::split(text, '\n')) {
    std::vector<std::string> numbers;
    for (const auto& word : base::split(line, ' '))
      if (!word.empty()) numbers.push_back(word);
    if (numbers.size() != 3 || numbers[0] != "0") continue;
    if (const auto outside = base::parse_number(numbers[1], std::numeric_limits<std::uint32_t>::max()))
      return static_cast<std::uint32_t>(*outside);
  }
  throw Error("process " + std::to_string(process) + " has no root in its user namespace");
}

void raise_effective_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capget, &header, data) != 0) throw Error::from_errno("cannot read the capabilities");
  for (auto& part : data) part.effective = part.permitted;
  if (syscall(SYS_capset, &header, data) != 0) throw Error::from_errno("cannot keep the capabilities");
}

}  // namespace

Fd new_user_namespace(const std::string& user_map, const std::string& group_map) {
  const base::Context context("user namespace");
  auto pipe = make_pipe();
  const auto wait_for_end = [&] {
    char byte = 0;
    pipe.write.reset();
    while (read(pipe.read.get(), &byte, 1) < 0 && errno == EINTR) {
    }
    return 0;
  };
  Child keeper;
  try {
    keeper = clone_child(CLONE_NEWUSER, wait_for_end);
  } catch (const Error& e) {
    if (e.code() != ENOSPC && e.code() != EPERM) throw;
    throw Error("the kernel makes no more of them; see the sysctl user.max_user_namespaces", e.code());
  }
  Fd made;
  try {
    write_map(keeper.pid, "uid_map", user_map);
    write_map(keeper.pid, "gid_map", group_map);
    made = open_namespace(keeper.pid, "user");
  } catch (const Error&) {
    pipe.write.reset();
    wait_for(keeper.pidfd);
    throw;
  }
  pipe.write.reset();
  wait_for(keeper.pidfd);
  return made;
}

Fd user_namespace_of(const Fd& ns) {
  Fd owner(ioctl(ns.get(), NS_GET_USERNS));
  if (!owner) throw Error::from_errno("cannot find the user namespace of a namespace");
  if (fcntl(owner.get(), F_SETFD, FD_CLOEXEC) != 0) throw Error::from_errno("cannot mark a descriptor close-on-exec");
  return owner;
}

Ids root_ids_of(pid_t pid) { return {outside_of_root(pid, "uid_map"), outside_of_root(pid, "gid_map")}; }

void become_root_inside() {
  if (setgroups(0, nullptr) != 0 || setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0)
    throw Error::from_errno("cannot become root of a user namespace");
}

FileIds::FileIds(Ids ids) {
  setfsgid(ids.group);
  setfsuid(ids.user);
  constexpr auto none = static_cast<uid_t>(-1);  // changes nothing, and says who it is now
  if (setfsuid(none) != static_cast<int>(ids.user) || setfsgid(none) != static_cast<int>(ids.group))
    throw Error("cannot make files as user " + std::to_string(ids.user));
  raise_effective_capabilities();
}

FileIds::~FileIds() {
  setfsuid(geteuid());
  setfsgid(getegid());
}

}  // namespace conductor::linux
