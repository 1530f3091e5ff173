// A RUN of a build: a container without name, record and log, which is gone when the command has ended.
#include "base/log.hpp"
#include "base/text.hpp"
#include "engine/directory.hpp"
#include "engine/engine.hpp"
#include "engine/launch.hpp"
#include "linux/root_fd.hpp"
#include "store/records.hpp"

namespace conductor::engine {

namespace {

// The network files are bound over files of the same name. Where the layers below have none, an empty one is made in
// the new layer to hold the mount; it is taken away again, so that a step's layer holds only what its command wrote.
class MountPoints {
 public:
  explicit MountPoints(const BuildStep& step) : upper_(linux::RootFd::open(step.upper)) {
    for (const char* path : {"/etc/hosts", "/etc/resolv.conf", "/etc"})
      if (!exists_below(step.lower, path)) missing_.emplace_back(path);
  }
  void remove() const {
    for (const auto& path : missing_) {
      const auto status = upper_.status(path);
      if (!status) continue;
      const bool unused = S_ISDIR(status->st_mode) ? upper_.list(path).empty() : status->st_size == 0;
      if (unused) upper_.remove(path);
    }
  }

 private:
  linux::RootFd upper_;
  std::vector<std::string> missing_;

  static bool exists_below(const std::vector<std::string>& lower, const std::string& path) {
    for (const auto& layer : lower)
      if (const auto status = linux::RootFd::open(layer).status(path)) return !S_ISCHR(status->st_mode);  // a whiteout
    return false;
  }
};

runtime::Setup setup_of(const BuildStep& step, const Container& container, const volume::Volumes& volumes,
                        const store::Locations& locations) {
  runtime::Setup setup = launch_setup(container, step.lower, volumes, locations);
  setup.log = false;
  setup.launch.upper = step.upper;
  setup.launch.work = step.work;
  std::erase_if(setup.launch.mounts, [](const auto& mount) { return mount.target.ends_with(hostname_file); });
  auto& process = setup.launch.process;
  process.arguments = step.process.arguments;
  process.environment = environment_of(container, step.process.environment);
  process.user = step.process.user;
  process.working_directory = step.process.working_directory.empty() ? "/" : step.process.working_directory;
  return setup;
}

NetworkMode mode_of(const BuildStep& step) {
  if (step.host_network) return NetworkMode::host;
  return step.network ? NetworkMode::links : NetworkMode::none;
}

}  // namespace

int Engine::run_build_step(const BuildStep& step, const runtime::Streams& streams) {
  Container container;
  container.id = store::new_id();
  container.config.hostname = step.hostname;
  container.config.command = step.process.arguments;
  container.config.network = mode_of(step);
  container.config.endpoint.names = {base::short_id(container.id)};
  container.config.endpoint.internet = true;
  const std::string& id = container.id;

  const auto lock = make_directory(locations_, id);
  // Its files live in the builder's directories; this one holds the lock, the status and the network files.
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
  const MountPoints mount_points(step);
  int code = 0;
  {
    const Remains remains{*this, container};
    const bool linked = container.config.network == NetworkMode::links;
    if (linked) network_.reserve(id, container.config.endpoint);
    write_network_files(container);
    auto created = runtime_.create(setup_of(step, container, volumes_, locations_), streams);
    if (linked) network_.attach(id, created.network_namespace());
    created.start();
    code = created.wait();
  }
  mount_points.remove();
  return code;
}

}  // namespace conductor::engine
