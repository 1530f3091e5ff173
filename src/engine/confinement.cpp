#include "engine/confinement.hpp"

#include "base/text.hpp"
#include "base/units.hpp"
#include "engine/launch.hpp"
#include "linux/capabilities.hpp"
#include "linux/fd.hpp"
#include "linux/seccomp_profile.hpp"
#include "monitor/sysctls.hpp"
#include "runtime/runtime.hpp"

#include <linux/capability.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>

namespace conductor::engine {

namespace {

using base::Error;

constexpr std::uint64_t unlimited = ~std::uint64_t{0};
constexpr std::size_t largest_profile = 1 << 20;

Error malformed(const std::string& what, const std::string& text, const std::string& expected) {
  return Error(what + " '" + base::escape_control(text) + "' is not " + expected);
}

constexpr std::array limit_names = {std::pair{"as", RLIMIT_AS},
                                    std::pair{"core", RLIMIT_CORE},
                                    std::pair{"cpu", RLIMIT_CPU},
                                    std::pair{"data", RLIMIT_DATA},
                                    std::pair{"fsize", RLIMIT_FSIZE},
                                    std::pair{"locks", RLIMIT_LOCKS},
                                    std::pair{"memlock", RLIMIT_MEMLOCK},
                                    std::pair{"nice", RLIMIT_NICE},
                                    std::pair{"msgqueue", RLIMIT_MSGQUEUE},
                                    std::pair{"nofile", RLIMIT_NOFILE},
                                    std::pair{"nproc", RLIMIT_NPROC},
                                    std::pair{"rss", RLIMIT_RSS},
                                    std::pair{"rtprio", RLIMIT_RTPRIO},
                                    std::pair{"rttime", RLIMIT_RTTIME},
                                    std::pair{"stack", RLIMIT_STACK},
                                    std::pair{"sigpending", RLIMIT_SIGPENDING}};

std::uint64_t limit_value(const std::string& text, const std::string& all) {
  if (text == "-1" || text == "unlimited") return unlimited;
  const auto number = base::parse_number(text);
  if (!number) throw malformed("the limit", all, "NAME=SOFT[:HARD], whole numbers or 'unlimited'");
  return static_cast<std::uint64_t>(*number);
}

// How far a limit can be raised on this machine by this process.
std::uint64_t highest_limit(int resource) {
  if (resource == RLIMIT_NOFILE && (linux::all_capabilities() >> CAP_SYS_RESOURCE & 1) != 0) {
    const auto most = base::parse_number(base::trim(linux::read_file("/proc/sys/fs/nr_open")));
    if (most) return static_cast<std::uint64_t>(*most);
  }
  if ((linux::all_capabilities() >> CAP_SYS_RESOURCE & 1) != 0) return unlimited;
  rlimit present{};
  if (getrlimit(static_cast<__rlimit_resource>(resource), &present) != 0)
    throw Error::from_errno("cannot read the limit " + limit_name(resource));
  return present.rlim_max;
}

void check_limit(const monitor::ResourceLimit& limit) {
  const std::uint64_t most = highest_limit(limit.resource);
  if (limit.hard > most)
    throw Error("the limit " + limit_name(limit.resource) + " cannot be raised over " + std::to_string(most) +
                " on this machine")
        .with_hint("that is the limit of the process that starts the container, which has no CAP_SYS_RESOURCE");
}

// The part after '=' or ':'; nothing when the option has none.
std::optional<std::string> value_of(const std::string& text) {
  const auto end = text.find_first_of("=:");
  if (end == std::string::npos) return std::nullopt;
  return text.substr(end + 1);
}

bool truth_of(const std::string& text, const std::string& all) {
  if (text == "true" || text == "1") return true;
  if (text == "false" || text == "0") return false;
  throw malformed("the security option", all, "no-new-privileges=true or no-new-privileges=false");
}

std::string profile_of(const std::string& name) {
  if (name == "unconfined") return name;
  if (name == "builtin" || name == "default") return {};
  const base::Context context("seccomp profile " + base::escape_control(name));
  std::string text = linux::read_file(name, largest_profile);
  linux::parse_seccomp_profile(text);
  return text;
}

bool kernel_has_apparmor() {
  const auto enabled = linux::try_read_file("/sys/module/apparmor/parameters/enabled");
  return enabled && enabled->starts_with('Y');
}

}  // namespace

std::string limit_name(int resource) {
  for (const auto& [name, number] : limit_names)
    if (static_cast<int>(number) == resource) return name;
  return std::to_string(resource);
}

monitor::ResourceLimit parse_ulimit(const std::string& text) {
  const auto equals = text.find('=');
  const std::string name = text.substr(0, equals);
  if (equals == std::string::npos) throw malformed("the limit", text, "NAME=SOFT[:HARD]");
  const auto* const found =
      std::find_if(limit_names.begin(), limit_names.end(), [&](const auto& known) { return name == known.first; });
  if (found == limit_names.end()) {
    std::vector<std::string> names;
    for (const auto& known : limit_names) names.emplace_back(known.first);
    throw Error("unknown limit '" + base::escape_control(name) + "'" + base::did_you_mean(name, names))
        .with_hint("there are " + base::join(names, ", "));
  }
  const auto values = base::split(std::string_view(text).substr(equals + 1), ':');
  if (values.size() > 2) throw malformed("the limit", text, "NAME=SOFT[:HARD]");
  monitor::ResourceLimit limit;
  limit.resource = static_cast<int>(found->second);
  limit.soft = limit_value(values.front(), text);
  limit.hard = limit_value(values.back(), text);
  if (limit.soft > limit.hard) throw Error("the limit '" + text + "' has a soft value over its hard one");
  return limit;
}

void add_security_option(ContainerConfig& config, const std::string& text) {
  const std::string name = text.substr(0, text.find_first_of("=:"));
  const auto value = value_of(text);
  if (name == "no-new-privileges") {
    config.no_new_privileges = !value || truth_of(*value, text);
  } else if (name == "seccomp" && value && !value->empty()) {
    config.seccomp = profile_of(*value);
  } else if (name == "apparmor" && value && !value->empty()) {
    config.apparmor = *value == "unconfined" ? "" : *value;
  } else if (name == "label") {
    if (value != "disable") throw Error("security option label: SELinux labels are not supported");
  } else {
    const std::vector<std::string> known = {"seccomp", "apparmor", "no-new-privileges", "label"};
    throw Error("security option '" + base::escape_control(text) + "' is not supported" +
                base::did_you_mean(name, known))
        .with_hint("seccomp=FILE, seccomp=unconfined, apparmor=PROFILE and no-new-privileges=true|false are");
  }
}

void check_confinement(const ContainerConfig& config) {
  capabilities_of(config);
  devices_of(config);
  for (const auto& limit : config.ulimits) check_limit(limit);
  for (const auto& [name, value] : config.sysctls)
    if (!monitor::valid_sysctl({name, value}, owns_network(config)))
      throw Error("sysctl '" + base::escape_control(name) + "' is not one a container has for itself")
          .with_hint(
              "those are kernel.msg*, kernel.sem, kernel.shm*, fs.mqueue.* and, with a network of its own, net.*");
  if (!config.seccomp.empty() && config.seccomp != "unconfined") linux::parse_seccomp_profile(config.seccomp);
  if (!config.apparmor.empty() && !kernel_has_apparmor())
    throw Error("apparmor=" + base::escape_control(config.apparmor) + ": this kernel has no AppArmor");
}

std::vector<monitor::ResourceLimit> resource_limits_of(const ContainerConfig& config) {
  auto limits = runtime::default_limits();
  for (const auto& own : config.ulimits) {
    std::erase_if(limits, [&](const auto& limit) { return limit.resource == own.resource; });
    limits.push_back(own);
  }
  return limits;
}

std::vector<monitor::Option> sysctls_of(const ContainerConfig& config, std::vector<monitor::Option> defaults) {
  for (const auto& [name, value] : config.sysctls) {
    std::erase_if(defaults, [&](const auto& option) { return option.key == name; });
    defaults.push_back({name, value});
  }
  return defaults;
}

bool owns_network(const ContainerConfig& config) {
  return config.network == NetworkMode::links || config.network == NetworkMode::none;
}

}  // namespace conductor::engine
