// What runs again after the machine has started.
#include "engine_rig.hpp"
#include "linux/fd.hpp"
#include "linux/process.hpp"
#include "store/records.hpp"

#include <algorithm>
#include <csignal>

using namespace conductor;

namespace {

engine::ContainerConfig sleeper(const EngineRig& rig, const std::string& name, monitor::RestartPolicy policy) {
  auto config = rig.config({"sleep", "1000"});
  config.name = name;
  config.network = engine::NetworkMode::none;
  config.restart.policy = policy;
  return config;
}

std::string started(EngineRig& rig, const std::string& name, monitor::RestartPolicy policy) {
  const auto container = rig.create(sleeper(rig, name, policy));
  rig.engine().start(container.id);
  return container.id;
}

void end_process(const linux::ProcessId& process) {
  if (process.pid == 0) return;
  const auto pidfd = linux::open_process(process);
  if (!pidfd) return;
  linux::send_signal(*pidfd, SIGKILL);
  REQUIRE(linux::wait_ended(*pidfd, 10'000));
}

// What a reboot leaves: no process, an empty STATE, and records that tell of another boot.
void lose_machine(EngineRig& rig) {
  for (const auto& observed : rig.engine().list()) {
    end_process(observed.status.monitor);
    end_process(observed.status.process);
    const auto path = rig.locations().container(observed.container.id) + "/status";
    auto bytes = linux::try_read_file(path);
    if (!bytes) continue;
    const std::string& now = linux::boot_id();
    for (auto at = bytes->find(now); at != std::string::npos; at = bytes->find(now))
      bytes->replace(at, now.size(), std::string(now.size(), '0'));
    store::write_file_atomically(path, *bytes);
  }
  for (const auto& name : store::list_directory(rig.locations().state))
    if (name.starts_with("recovered-")) store::remove_file(rig.locations().state + "/" + name);
}

std::vector<std::string> running(EngineRig& rig) {
  std::vector<std::string> names;
  for (const auto& observed : rig.engine().list())
    if (observed.status.phase == monitor::Phase::running) names.push_back(observed.container.config.name);
  std::sort(names.begin(), names.end());
  return names;
}

using Names = std::vector<std::string>;
using monitor::RestartPolicy;

}  // namespace

TEST_CASE("boot: what ran and has a policy for it runs again, what a user has stopped does not") {
  NEEDS_MACHINE();
  EngineRig rig;
  started(rig, "always", RestartPolicy::always);
  started(rig, "unless-stopped", RestartPolicy::unless_stopped);
  started(rig, "on-failure", RestartPolicy::on_failure);
  started(rig, "no", RestartPolicy::no);
  rig.engine().stop(started(rig, "stopped", RestartPolicy::always), std::chrono::nanoseconds(0));
  rig.create(sleeper(rig, "never-started", RestartPolicy::always));
  lose_machine(rig);
  rig.engine().recover();
  CHECK(running(rig) == Names{});
  CHECK(rig.engine().boot());
  CHECK(running(rig) == Names{"always", "unless-stopped"});
  CHECK(rig.engine().boot());
  CHECK(running(rig) == Names{"always", "unless-stopped"});
}

TEST_CASE("boot: one that does not start keeps nobody from it") {
  NEEDS_MACHINE();
  EngineRig rig;
  auto config = sleeper(rig, "broken", RestartPolicy::always);
  test::TemporaryDirectory folder;
  engine::MountConfig bind;
  bind.source = folder.path() + "/data";
  bind.target = "/data";
  config.mounts = {bind};
  store::make_directory(folder.path() + "/data");
  rig.engine().start(rig.create(config).id);
  started(rig, "sound", RestartPolicy::always);
  lose_machine(rig);
  linux::remove_tree(folder.path() + "/data");
  rig.engine().recover();
  CHECK_FALSE(rig.engine().boot());
  CHECK(running(rig) == Names{"sound"});
}

TEST_CASE("boot: what was stopped because the machine went down comes back") {
  NEEDS_MACHINE();
  EngineRig rig;
  started(rig, "always", RestartPolicy::always);
  started(rig, "no", RestartPolicy::no);
  rig.engine().stop(started(rig, "stopped", RestartPolicy::unless_stopped), std::chrono::nanoseconds(0));
  rig.create(sleeper(rig, "never-started", RestartPolicy::always));
  CHECK(rig.engine().shut_down());
  CHECK(running(rig) == Names{});
  lose_machine(rig);
  rig.engine().recover();
  CHECK(rig.engine().boot());
  CHECK(running(rig) == Names{"always"});
}
