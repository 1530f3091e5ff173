#include "linux/capabilities.hpp"

#include "base/error.hpp"
#include "base/text.hpp"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace conductor::linux {
namespace {

using base::Error;

constexpr CapabilitySet bit(int capability) { return CapabilitySet{1} << capability; }

// What the kernel says of a capability in the bounding set: 1 or 0, and below 0 for one it does not know.
int bounding(int capability) { return prctl(PR_CAPBSET_READ, capability, 0, 0, 0); }

}  // namespace

CapabilitySet default_capabilities() {
  return bit(CAP_CHOWN) | bit(CAP_DAC_OVERRIDE) | bit(CAP_FOWNER) | bit(CAP_FSETID) | bit(CAP_KILL) | bit(CAP_SETGID) |
         bit(CAP_SETUID) | bit(CAP_SETPCAP) | bit(CAP_NET_BIND_SERVICE) | bit(CAP_SYS_CHROOT) | bit(CAP_SETFCAP);
}

CapabilitySet all_capabilities() {
  static const CapabilitySet all = [] {
    CapabilitySet set = 0;
    for (int capability = 0; capability < 64; ++capability)
      if (bounding(capability) == 1) set |= bit(capability);
    return set;
  }();
  return all;
}

// By number, as linux/capability.h has them.
const std::vector<std::string>& known_capabilities() {
  static const std::vector<std::string> names = {"CAP_CHOWN",
                                                 "CAP_DAC_OVERRIDE",
                                                 "CAP_DAC_READ_SEARCH",
                                                 "CAP_FOWNER",
                                                 "CAP_FSETID",
                                                 "CAP_KILL",
                                                 "CAP_SETGID",
                                                 "CAP_SETUID",
                                                 "CAP_SETPCAP",
                                                 "CAP_LINUX_IMMUTABLE",
                                                 "CAP_NET_BIND_SERVICE",
                                                 "CAP_NET_BROADCAST",
                                                 "CAP_NET_ADMIN",
                                                 "CAP_NET_RAW",
                                                 "CAP_IPC_LOCK",
                                                 "CAP_IPC_OWNER",
                                                 "CAP_SYS_MODULE",
                                                 "CAP_SYS_RAWIO",
                                                 "CAP_SYS_CHROOT",
                                                 "CAP_SYS_PTRACE",
                                                 "CAP_SYS_PACCT",
                                                 "CAP_SYS_ADMIN",
                                                 "CAP_SYS_BOOT",
                                                 "CAP_SYS_NICE",
                                                 "CAP_SYS_RESOURCE",
                                                 "CAP_SYS_TIME",
                                                 "CAP_SYS_TTY_CONFIG",
                                                 "CAP_MKNOD",
                                                 "CAP_LEASE",
                                                 "CAP_AUDIT_WRITE",
                                                 "CAP_AUDIT_CONTROL",
                                                 "CAP_SETFCAP",
                                                 "CAP_MAC_OVERRIDE",
                                                 "CAP_MAC_ADMIN",
                                                 "CAP_SYSLOG",
                                                 "CAP_WAKE_ALARM",
                                                 "CAP_BLOCK_SUSPEND",
                                                 "CAP_AUDIT_READ",
                                                 "CAP_PERFMON",
                                                 "CAP_BPF",
                                                 "CAP_CHECKPOINT_RESTORE"};
  return names;
}

std::optional<CapabilitySet> parse_capability(const std::string& name) {
  std::string full = base::upper(name);
  if (full == "ALL" || full == "CAP_ALL") return all_capabilities();
  if (!full.starts_with("CAP_")) full.insert(0, "CAP_");
  const auto& names = known_capabilities();
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] == full) return bit(static_cast<int>(i));
  return std::nullopt;
}

std::vector<std::string> capability_names(CapabilitySet set) {
  std::vector<std::string> list;
  const auto& names = known_capabilities();
  for (int i = 0; i < 64; ++i) {
    if ((set & bit(i)) == 0) continue;
    const auto at = static_cast<std::size_t>(i);
    list.push_back(at < names.size() ? names[at] : "CAP_" + std::to_string(i));
  }
  return list;
}

void limit_bounding_set(CapabilitySet keep) {
  for (int capability = 0; capability < 64; ++capability) {
    if ((keep & bit(capability)) != 0 || bounding(capability) != 1) continue;
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0)
      throw Error::from_errno("cannot drop capability " + std::to_string(capability));
  }
}

void set_capabilities(CapabilitySet set) {
  if (geteuid() != 0) set = 0;
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
    throw Error::from_errno("cannot clear the ambient capabilities");
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; ++i)
    data[i].effective = data[i].permitted = static_cast<std::uint32_t>(set >> (32 * i));
  if (syscall(SYS_capset, &header, data) != 0) throw Error::from_errno("cannot set the capabilities");
}

}  // namespace conductor::linux
