// What confines a container unless somebody asks for something else; docs/security.md explains it.
#include "base/log.hpp"
#include "base/sha256.hpp"
#include "base/text.hpp"
#include "linux/seccomp.hpp"
#include "runtime/filter.hpp"
#include "runtime/runtime.hpp"
#include "store/records.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

namespace conductor::runtime {
namespace {

bool exists(const char* path) { return access(path, F_OK) == 0; }

// When a file was last changed, in nanoseconds; 0 when it is absent.
std::int64_t changed_at(const std::string& path) {
  struct stat found{};
  if (stat(path.c_str(), &found) != 0) return 0;
  return std::int64_t{found.st_mtim.tv_sec} * 1'000'000'000 + found.st_mtim.tv_nsec;
}

// Rules of a profile may depend on it.
std::string kernel_release() {
  utsname name{};
  uname(&name);
  return name.release;
}

}  // namespace

std::vector<linux::DeviceRule> default_devices() {
  constexpr std::int64_t memory = 1;     // null, zero, full, random, urandom
  constexpr std::int64_t terminals = 5;  // tty, console, ptmx
  constexpr std::int64_t pts = 136;
  return {{'c', memory, 3, "rwm"},    {'c', memory, 5, "rwm"},    {'c', memory, 7, "rwm"},
          {'c', memory, 8, "rwm"},    {'c', memory, 9, "rwm"},    {'c', terminals, 0, "rwm"},
          {'c', terminals, 1, "rwm"}, {'c', terminals, 2, "rwm"}, {'c', pts, -1, "rwm"}};
}

std::vector<std::string> default_masked_paths() {
  std::vector<std::string> paths = {"/proc/acpi",
                                    "/proc/asound",
                                    "/proc/interrupts",
                                    "/proc/kcore",
                                    "/proc/keys",
                                    "/proc/latency_stats",
                                    "/proc/sched_debug",
                                    "/proc/scsi",
                                    "/proc/timer_list",
                                    "/proc/timer_stats",
                                    "/sys/devices/virtual/powercap",
                                    "/sys/firmware",
                                    "/sys/fs/bpf",
                                    "/sys/fs/selinux",
                                    "/sys/kernel/debug",
                                    "/sys/kernel/security",
                                    "/sys/kernel/tracing"};
  const std::string cpus = "/sys/devices/system/cpu";
  if (!exists((cpus + "/cpu0/thermal_throttle").c_str())) return paths;
  for (const auto& name : store::list_directory(cpus))
    if (name.starts_with("cpu")) paths.push_back(cpus + "/" + name + "/thermal_throttle");
  return paths;
}

std::vector<std::string> default_read_only_paths() {
  return {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
}

std::vector<monitor::Option> default_sysctls(bool own_network, bool ipv6) {
  if (!own_network) return {};
  std::vector<monitor::Option> sysctls = {{"net.ipv4.ping_group_range", "0 2147483647"},
                                          {"net.ipv4.ip_unprivileged_port_start", "0"}};
  if (!ipv6 && exists("/proc/sys/net/ipv6")) sysctls.push_back({"net.ipv6.conf.all.disable_ipv6", "1"});
  return sysctls;
}

std::vector<monitor::ResourceLimit> default_limits() {
  constexpr std::uint64_t unlimited = ~std::uint64_t{0};
  return {{RLIMIT_NOFILE, 1024, 524288}, {RLIMIT_NPROC, unlimited, unlimited}, {RLIMIT_CORE, 0, unlimited}};
}

std::string filter_for(const store::Locations& locations, std::uint64_t capabilities) {
  return filter_for(locations, capabilities, std::string(linux::default_seccomp_profile()));
}

std::string filter_for(const store::Locations& locations, std::uint64_t capabilities, const std::string& profile) {
  const std::string name =
      base::Sha256().field(profile).field(std::to_string(capabilities)).field(kernel_release()).hex();
  const std::string path = locations.state + "/seccomp-" + base::short_id(name) + ".bpf";
  // Older than the program: made by another version of it.
  if (changed_at(path) > changed_at("/proc/self/exe"))
    if (auto cached = linux::try_read_file(path)) return std::move(*cached);
  auto filter = linux::compile_filter(linux::parse_seccomp_profile(profile), capabilities);
  if (!filter.unknown.empty())
    base::log(base::LogLevel::debug, "system calls of the profile that are not known here: " +
                                         base::escape_control(base::join(filter.unknown, " ")));
  store::make_directory(locations.state);
  store::write_file_atomically(path, filter.program, false);
  return std::move(filter.program);
}

}  // namespace conductor::runtime
