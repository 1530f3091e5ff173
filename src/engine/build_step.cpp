// A RUN of a build: a container without name, record and log, which is gone when the command has ended.
#include "base/log.hpp"
#include "base/text.hpp"
#include "engine/build_mounts.hpp"
#include "engine/directory.hpp"
#include "engine/engine.hpp"
#include "engine/launch.hpp"
#include "store/records.hpp"

namespace conductor::engine {

namespace {

void set_limit(std::vector<monitor::ResourceLimit>& limits, const monitor::ResourceLimit& limit) {
  std::erase_if(limits, [&](const auto& other) { return other.resource == limit.resource; });
  limits.push_back(limit);
}

// Variables in memory; nothing when there are none.
linux::Fd memory_of(const std::vector<std::string>& variables) {
  std::string text;
  for (const auto& variable : variables) text += variable + '\0';
  return text.empty() ? linux::Fd() : linux::make_memory_file("conductor-build", text);
}

runtime::Setup setup_of(const BuildStep& step, const Container& container, const linux::Fd& secrets,
                        const volume::Volumes& volumes, const store::Locations& locations) {
  runtime::Setup setup = launch_setup(container, step.lower, volumes, locations);
  setup.log = false;
  setup.launch.bound = true;
  setup.launch.upper = step.upper;
  setup.launch.work = step.work;
  std::erase_if(setup.launch.mounts, [](const auto& mount) { return mount.target.ends_with(hostname_file); });
  auto mounts = step_mounts(step.mounts, locations.container(container.id) + "/mounts");
  setup.launch.mounts.insert(setup.launch.mounts.end(), mounts.mounts.begin(), mounts.mounts.end());
  setup.sent = std::move(mounts.sent);
  if (secrets) {
    setup.launch.sent_environment = static_cast<int>(setup.sent.size());
    setup.sent.push_back(secrets.get());
  }
  auto& process = setup.launch.process;
  process.arguments = step.process.arguments;
  process.environment = environment_of(container, step.process.environment);
  process.user = step.process.user;
  process.working_directory = step.process.working_directory.empty() ? "/" : step.process.working_directory;
  for (const auto& limit : step.limits) set_limit(process.limits, limit);
  return setup;
}

NetworkMode mode_of(const BuildStep& step) {
  if (step.host_network) return NetworkMode::host;
  return step.network ? NetworkMode::links : NetworkMode::none;
}

Container container_of(const BuildStep& step) {
  Container container;
  container.id = store::new_id();
  auto& config = container.config;
  config.hostname = step.hostname;
  config.command = step.process.arguments;
  config.network = mode_of(step);
  config.shm_size = step.shm_size;
  config.endpoint.names = {base::short_id(container.id)};
  config.endpoint.internet = true;
  for (const auto& host : step.add_hosts) {
    const auto colon = host.find(':');
    if (colon == std::string::npos) throw base::Error("'" + base::escape_control(host) + "' is not NAME:ADDRESS");
    config.endpoint.extra_hosts.push_back({host.substr(0, colon), host.substr(colon + 1)});
  }
  return container;
}

}  // namespace

BuildStepEnd Engine::run_build_step(const BuildStep& step, const runtime::Streams& streams) {
  const linux::Cancellation never;
  const linux::Cancellation& cancellation = step.cancellation != nullptr ? *step.cancellation : never;
  cancellation.check();
  const Container container = container_of(step);
  const std::string& id = container.id;

  const auto lock = make_directory(locations_, id);
  // Its files live in the builder's directories; this one holds the lock, the status, the network files and what is
  // written to overlays.
  struct Remains {
    Engine& engine;
    const Container& container;
    ~Remains() {
      base::Collector problems;
      problems.attempt([&] { engine.remove_remains(container.id, container, false); });
      for (const auto& message : problems.messages())
        base::log(base::LogLevel::warning, "removing a build step: " + message);
    }
  };
  std::optional<Stubs> stubs;
  BuildStepEnd end;
  {
    const Remains remains{*this, container};
    const bool linked = container.config.network == NetworkMode::links;
    if (linked) network_.reserve(id, container.config.endpoint);
    write_network_files(container);
    const linux::Fd secrets = memory_of(step.secrets);
    auto setup = setup_of(step, container, secrets, volumes_, locations_);
    linux::Fd no_other_network;
    set_network(container, setup, no_other_network);
    auto created = runtime_.create(std::move(setup), streams);
    stubs.emplace(step.upper, step.lower);
    if (linked) network_.attach(id, created.network_namespace());
    created.start();
    end.code = created.wait(cancellation);
    constexpr int killed = 137;
    if (end.code == killed)
      if (const auto status = runtime_.status(id)) end.out_of_memory = status->out_of_memory;
  }
  stubs->remove();
  return end;
}

}  // namespace conductor::engine
