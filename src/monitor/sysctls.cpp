#include "monitor/sysctls.hpp"

#include "base/error.hpp"
#include "linux/root_fd.hpp"

#include <fcntl.h>

#include <algorithm>
#include <string>

namespace conductor::monitor {
namespace {

bool plain_name(std::string_view name) {
  if (name.empty() || name.front() == '.' || name.back() == '.' || name.find("..") != name.npos) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  });
}

bool plain_value(std::string_view value) {
  return !value.empty() && value.size() <= 1024 &&
         std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

bool in_ipc_namespace(std::string_view name) {
  static constexpr std::string_view names[] = {"kernel.msgmax", "kernel.msgmnb",         "kernel.msgmni",
                                               "kernel.sem",    "kernel.shmall",         "kernel.shmmax",
                                               "kernel.shmmni", "kernel.shm_rmid_forced"};
  return std::find(std::begin(names), std::end(names), name) != std::end(names) || name.starts_with("fs.mqueue.");
}

}  // namespace

bool valid_sysctl(const Option& sysctl, bool own_network) {
  if (!plain_name(sysctl.key) || !plain_value(sysctl.value)) return false;
  return in_ipc_namespace(sysctl.key) || (own_network && sysctl.key.starts_with("net."));
}

void write_sysctls(const linux::Fd& proc, const std::vector<Option>& sysctls, bool own_network) {
  for (const auto& sysctl : sysctls)
    if (!valid_sysctl(sysctl, own_network))
      throw base::Error("sysctl '" + sysctl.key + "' is not one a container has for itself, or its value is malformed");
  const linux::RootFd root(proc.duplicate());
  for (const auto& sysctl : sysctls) {
    const base::Context context("sysctl " + sysctl.key);
    std::string path = "sys/" + sysctl.key;
    std::replace(path.begin() + 4, path.end(), '.', '/');
    linux::write_all(root.open(path, O_WRONLY | O_NOFOLLOW).get(), sysctl.value);
  }
}

}  // namespace conductor::monitor
