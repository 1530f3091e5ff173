// The words that tighten or relax a container's confinement.
#include "base/error.hpp"
#include "engine/confinement.hpp"
#include "engine/launch.hpp"
#include "monitor/sysctls.hpp"
#include "support/catch.hpp"
#include "support/temp.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

using namespace conductor;
using engine::ContainerConfig;

namespace {

template <class Body>
std::string refusal_of(Body&& body) {
  try {
    body();
  } catch (const base::Error& error) {
    return error.message();
  }
  return "(nothing)";
}

constexpr std::uint64_t unlimited = ~std::uint64_t{0};

}  // namespace

TEST_CASE("devices as docker writes them") {
  using engine::DeviceConfig;
  CHECK(engine::parse_device("/dev/fuse") == DeviceConfig{"/dev/fuse", "/dev/fuse", "rwm"});
  CHECK(engine::parse_device("/dev/fuse:r") == DeviceConfig{"/dev/fuse", "/dev/fuse", "r"});
  CHECK(engine::parse_device("/dev/fuse:/dev/other") == DeviceConfig{"/dev/fuse", "/dev/other", "rwm"});
  CHECK(engine::parse_device("/dev/fuse:/dev/bus/usb/1:rw") == DeviceConfig{"/dev/fuse", "/dev/bus/usb/1", "rw"});
  for (const char* wrong :
       {"", "fuse", "/dev/fuse:x", "/dev/fuse:/dev/a:x", "/dev/fuse:/dev/a:rr", "/dev/fuse:/dev/a:r:w",
        "/dev/fuse:", "/dev/fuse:/etc/passwd", "/dev/fuse:/dev/../etc/passwd", "/dev/fuse:/dev/", "/dev/fuse:/dev//a",
        "/etc/passwd", "/dev/fuse:/dev/pts/0", "/dev/fuse:/dev/console", "/dev/fuse:/dev/fd", "/dev/fuse:/dev/shm",
        "/dev/fuse:/dev/./a"})
    CHECK_THROWS_AS(engine::parse_device(wrong), base::Error);
}

TEST_CASE("device rules as docker writes them") {
  const auto rule = engine::parse_device_rule("c 189:* rwm");
  CHECK(rule.type == 'c');
  CHECK(rule.major == 189);
  CHECK(rule.minor == -1);
  CHECK(rule.access == "rwm");
  for (const char* wrong : {"", "c", "c 1:2", "d 1:2 r", "c 1 r", "c 1:2:3 r", "c -1:2 r", "c 1:2 rx", "c 1:2 rr",
                            "cc 1:2 r", "c  1:2 r", "c 1:2 r ", "c 99999999:1 r", "c 1:2 r\nb *:* rwm"})
    CHECK_THROWS_AS(engine::parse_device_rule(wrong), base::Error);
}

TEST_CASE("what is no device is refused, and of a folder all nodes are taken") {
  ContainerConfig config;
  config.devices = {{"/dev/null", "/dev/nothing", "r"}};
  const auto access = engine::devices_of(config);
  REQUIRE(access.nodes.size() == 1);
  CHECK(access.nodes[0].major == 1);
  CHECK(access.nodes[0].minor == 3);
  CHECK(access.nodes[0].type == 'c');
  REQUIRE(access.rules.size() == 1);
  CHECK(access.rules[0].access == "r");
  config.devices = {{"/etc/passwd", "/dev/a", "r"}};
  CHECK(refusal_of([&] { engine::devices_of(config); }) == "device /etc/passwd: it is no device");
  config.devices = {{"/dev/not-there", "/dev/a", "r"}};
  CHECK_THROWS_WITH(engine::devices_of(config), Contains("/dev/not-there") && Contains("No such file"));
  config.devices = {{"/etc", "/dev/a", "r"}};
  CHECK_THROWS_WITH(engine::devices_of(config), Contains("there is no device in this directory"));
  config.devices.clear();
  config.device_rules = {"a *:* r"};
  CHECK(engine::devices_of(config).rules.size() == 2);
}

TEST_CASE("limits by every name, and what is none") {
  CHECK(engine::parse_ulimit("nofile=10:20") == monitor::ResourceLimit{RLIMIT_NOFILE, 10, 20});
  CHECK(engine::parse_ulimit("core=0") == monitor::ResourceLimit{RLIMIT_CORE, 0, 0});
  CHECK(engine::parse_ulimit("memlock=-1:-1") == monitor::ResourceLimit{RLIMIT_MEMLOCK, unlimited, unlimited});
  CHECK(engine::parse_ulimit("stack=1:unlimited") == monitor::ResourceLimit{RLIMIT_STACK, 1, unlimited});
  for (const char* name : {"as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile",
                           "nproc", "rss", "rtprio", "rttime", "sigpending", "stack"})
    CHECK_NOTHROW(engine::parse_ulimit(std::string(name) + "=1"));
  for (const char* wrong : {"", "nofile", "nofile=", "nofile=a", "nofile=2:1", "nofile=1:2:3", "nofile=-2", "=1",
                            "nofile=1:", "NOFILE=1", "nofile =1", "nofile=unlimited:1", "nofile=99999999999999999999"})
    CHECK_THROWS_AS(engine::parse_ulimit(wrong), base::Error);
  CHECK_THROWS_WITH(engine::parse_ulimit("nofiles=1"), Contains("did you mean 'nofile'"));
}

TEST_CASE("a limit of the container takes the place of the default one") {
  ContainerConfig config;
  config.ulimits = {{RLIMIT_NOFILE, 10, 20}};
  const auto limits = engine::resource_limits_of(config);
  CHECK(std::ranges::count_if(limits, [](const auto& limit) { return limit.resource == RLIMIT_NOFILE; }) == 1);
  CHECK(std::ranges::count(limits, monitor::ResourceLimit{RLIMIT_NOFILE, 10, 20}) == 1);
}

TEST_CASE("a limit this process may not raise is told when the container is made") {
  if ((linux::all_capabilities() >> CAP_SYS_RESOURCE & 1) != 0) SKIP_TEST("this process may raise every limit");
  rlimit present{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &present) == 0);
  ContainerConfig config;
  config.ulimits = {{RLIMIT_NOFILE, 1, present.rlim_max + 1}};
  CHECK_THROWS_WITH(engine::check_confinement(config), Contains("the limit nofile cannot be raised over"));
  config.ulimits = {{RLIMIT_NOFILE, 1, present.rlim_max}};
  CHECK_NOTHROW(engine::check_confinement(config));
}

TEST_CASE("40 hostile sysctls are refused") {
  const std::pair<const char*, const char*> hostile[] = {{"kernel.core_pattern", "|/bin/sh"},
                                                         {"kernel.modprobe", "/tmp/x"},
                                                         {"kernel.sysrq", "1"},
                                                         {"kernel.hostname", "x"},
                                                         {"kernel.domainname", "x"},
                                                         {"kernel.panic", "1"},
                                                         {"kernel.randomize_va_space", "0"},
                                                         {"kernel.yama.ptrace_scope", "0"},
                                                         {"kernel.unprivileged_bpf_disabled", "0"},
                                                         {"kernel.shmmax/../core_pattern", "x"},
                                                         {"kernel.shm", "1"},
                                                         {"kernel.shmx", "1"},
                                                         {"kernel.semx", "1"},
                                                         {"kernel.msg", "1"},
                                                         {"kernel", "1"},
                                                         {"vm.overcommit_memory", "1"},
                                                         {"vm.drop_caches", "3"},
                                                         {"fs.file-max", "1"},
                                                         {"fs.suid_dumpable", "2"},
                                                         {"fs.mqueue.", "1"},
                                                         {"fs.mqueue", "1"},
                                                         {"fs.mqueue..msg_max", "1"},
                                                         {"net.ipv4.ip_forward\nkernel.core_pattern", "1"},
                                                         {"net.", "1"},
                                                         {"net", "1"},
                                                         {".net.ipv4", "1"},
                                                         {"net..ipv4.ip_forward", "1"},
                                                         {"net.ipv4.", "1"},
                                                         {"net/ipv4/ip_forward", "1"},
                                                         {"net.ipv4/../../kernel/core_pattern", "x"},
                                                         {"net.../kernel/core_pattern", "x"},
                                                         {"net.ipv4.ip_forward ", "1"},
                                                         {" net.ipv4.ip_forward", "1"},
                                                         {"net.ipv4.ip_forward", ""},
                                                         {"net.ipv4.ip_forward", "1\n"},
                                                         {"net.ipv4.ip_forward", "1\nkernel.core_pattern=|/x"},
                                                         {"net.ipv4.ip_forward", "\x01"},
                                                         {"net.ipv4.ip_f\xc3\xb6rward", "1"},
                                                         {"", "1"},
                                                         {"user.max_user_namespaces", "1"}};
  static_assert(std::size(hostile) == 40);
  for (const auto& [name, value] : hostile) {
    INFO(name);
    CHECK_FALSE(monitor::valid_sysctl({name, value}, true));
    ContainerConfig config;
    config.sysctls[name] = value;
    CHECK_THROWS_AS(engine::check_confinement(config), base::Error);
  }
}

TEST_CASE("sysctls of the container's own are taken, those of the network only where it has one") {
  ContainerConfig config;
  config.sysctls = {{"kernel.shmmax", "1000"}, {"fs.mqueue.msg_max", "20"}, {"net.core.somaxconn", "100"}};
  CHECK_NOTHROW(engine::check_confinement(config));
  config.network = engine::NetworkMode::host;
  CHECK_THROWS_WITH(engine::check_confinement(config), Contains("net.core.somaxconn"));
  const auto merged = engine::sysctls_of(config, {{"net.core.somaxconn", "1"}, {"net.ipv4.ping_group_range", "0 1"}});
  CHECK(merged.size() == 4);
}

TEST_CASE("security options by name") {
  test::TemporaryDirectory folder;
  const std::string profile = R"({"defaultAction": "SCMP_ACT_ALLOW"})";
  {
    linux::write_all(linux::open_file(folder / "p.json", O_WRONLY | O_CREAT, 0600).get(), profile);
  }
  ContainerConfig config;
  const auto add = [&](const std::string& text) { engine::add_security_option(config, text); };
  add("seccomp=unconfined");
  CHECK(config.seccomp == "unconfined");
  add("seccomp:" + (folder / "p.json"));
  CHECK(config.seccomp == profile);
  add("no-new-privileges=false");
  CHECK_FALSE(config.no_new_privileges);
  add("no-new-privileges:true");
  CHECK(config.no_new_privileges);
  add("no-new-privileges");
  add("label=disable");
  add("apparmor=unconfined");
  CHECK(config.apparmor.empty());
  for (const char* wrong : {"", "seccomp", "seccomp=", "seccomp=/not/there", "no-new-privileges=maybe",
                            "apparmor=", "label=type:x", "systempaths=unconfined", "secomp=unconfined"})
    CHECK_THROWS_AS(add(wrong), base::Error);
  if (access("/sys/module/apparmor", F_OK) != 0) {
    add("apparmor=docker-default");
    CHECK_THROWS_WITH(engine::check_confinement(config), Contains("this kernel has no AppArmor"));
  }
}

TEST_CASE("privileged begins with every capability, and what is dropped by name is gone") {
  ContainerConfig config;
  config.privileged = true;
  CHECK(engine::capabilities_of(config) == linux::all_capabilities());
  config.cap_drop = {"SYS_MODULE"};
  CHECK(engine::capabilities_of(config) == (linux::all_capabilities() & ~(linux::CapabilitySet{1} << CAP_SYS_MODULE)));
}
