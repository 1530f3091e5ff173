#include "compose/operations.hpp"

#include "base/text.hpp"
#include "base/units.hpp"
#include "builder/builder.hpp"
#include "compose/decide.hpp"
#include "store/records.hpp"

#include <chrono>
#include <map>
#include <utility>

namespace conductor::compose {
namespace {

constexpr std::size_t shown_log_lines = 10;

// The events of a build as lines: what begins and what is cached, and the output of its steps, of which several may run
// at the same time.
class BuildLines {
 public:
  explicit BuildLines(const Operations::Output& output) : output_(output) {}

  void show(const builder::Event& event) {
    using Kind = builder::Event::Kind;
    if (event.kind == Kind::began) titles_[event.vertex] = title(event);
    switch (event.kind) {
      case Kind::began:
        return output_(titles_[event.vertex]);
      case Kind::cached:
        return output_((event.text.empty() ? titles_[event.vertex] : title(event)) + " (cached)");
      case Kind::output:
        return add(rests_[event.vertex], event.text);
      case Kind::note:
      case Kind::warning:
        return output_(event.text);
      case Kind::done:
      case Kind::failed:
        return finish(rests_[event.vertex]);
      case Kind::progress:
        return;
    }
  }

 private:
  const Operations::Output& output_;
  std::map<std::size_t, std::string> titles_, rests_;  // by step; rests: output whose line has no end yet

  static std::string title(const builder::Event& event) {
    if (event.steps == 0) return event.text;
    const std::string stage = event.stage.empty() ? "" : event.stage + " ";
    return "[" + stage + std::to_string(event.step) + "/" + std::to_string(event.steps) + "] " + event.text;
  }
  void add(std::string& rest, std::string_view bytes) {
    rest += bytes;
    for (auto end = rest.find('\n'); end != std::string::npos; end = rest.find('\n')) {
      output_(rest.substr(0, end));
      rest.erase(0, end + 1);
    }
  }
  void finish(std::string& rest) {
    if (!rest.empty()) output_(std::exchange(rest, {}));
  }
};

builder::BuildOptions options_of(const BuildImage& image) {
  const BuildSpec& build = image.build;
  builder::BuildOptions options;
  options.context = build.context;
  options.file = build.file;
  options.contexts = build.contexts;
  options.tags = build.tags;
  options.tags.insert(options.tags.begin(), image.image);
  options.args = build.args;
  options.labels = build.labels;
  options.target = build.target;
  options.no_cache = build.no_cache;
  options.no_cache_filter = build.no_cache_filter;
  options.pull = build.pull;
  if (build.network == "none") options.network = builder::NetworkChoice::none;
  if (build.network == "host") options.network = builder::NetworkChoice::host;
  options.add_hosts = build.extra_hosts;
  if (build.shm_size) options.shm_size = *build.shm_size;
  return options;
}

// Why a condition can no longer be reached; empty while it can.
std::string hopeless(const monitor::Status& status, parser::Condition condition) {
  if (satisfies(status, condition)) return {};
  if (status.phase == monitor::Phase::exited) {
    if (!status.error.empty()) return "did not start: " + status.error;
    return "has exited with code " + (status.exit_code < 0 ? "unknown" : std::to_string(status.exit_code));
  }
  if (condition != parser::Condition::healthy || status.phase != monitor::Phase::running) return {};
  if (status.health == monitor::Health::none) return "has no healthcheck, so it never becomes healthy";
  if (status.health == monitor::Health::unhealthy) {
    std::string said;
    if (!status.health_log.empty()) said = base::trim(status.health_log.back().output);
    return "is unhealthy" + (said.empty() ? std::string() : "; its last check said: " + base::escape_control(said));
  }
  return {};
}

// A volume without a name gets one that says so: an id.
engine::ContainerConfig with_named_volumes(engine::ContainerConfig config) {
  for (auto& mount : config.mounts)
    if (mount.kind == engine::MountKind::named && mount.source.empty()) mount.source = store::new_id();
  return config;
}

bool is_anonymous(const std::string& volume) {
  constexpr std::size_t digits = 64;
  return volume.size() == digits && volume.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

void Operations::act(const Step& step, const Output& output) {
  std::visit([&](const auto& operation) { perform(operation, output); }, step.operation);
}

void Operations::perform(const CreateVolume& o, const Output& /*output*/) {
  engine_.volumes().create(o.name, o.labels);
}

void Operations::perform(const CreateNetwork& o, const Output& /*output*/) {
  network::NetworkConfig network = o.network;
  network.created = base::now_unix_ns();
  engine_.network().create_network(network);
}

// One that somebody has removed meanwhile is gone all the same.
void Operations::perform(const RemoveNetwork& o, const Output& output) {
  if (!engine_.network().find_network(o.name)) return;
  std::string member;
  for (const auto& observed : engine_.list())
    for (const auto& membership : observed.container.config.endpoint.networks)
      if (membership.network == o.name) member = observed.container.config.name;
  if (o.keep_used && !member.empty()) return output("network " + o.name + " stays: container " + member + " is in it");
  engine_.network().remove_network(o.name);
}

void Operations::perform(const BuildImage& o, const Output& output) {
  builder::BuildOptions options = options_of(o);
  options.cancellation = cancellation_;
  BuildLines lines(output);
  builder::build(engine_, options, [&](const builder::Event& event) { lines.show(event); });
}

void Operations::perform(const FetchImage& o, const Output& output) { engine_.images().resolve(o.image, output); }

void Operations::perform(const CreateContainer& o, const Output& output) {
  engine_.create(with_named_volumes(o.config), output);
}

void Operations::perform(const RecreateContainer& o, const Output& output) {
  if (engine_.try_find(o.id)) {
    engine_.stop(o.id);
    engine_.remove(o.id, true);
  }
  engine_.create(with_named_volumes(o.config), output);
}

// Its names, resolver and hosts stay: they are made with the container.
void Operations::perform(const UpdateNetwork& o, const Output& /*output*/) {
  const network::EndpointConfig recorded = engine_.find(o.id).config.endpoint;
  network::EndpointConfig endpoint = o.endpoint;
  endpoint.names = recorded.names;
  endpoint.dns = recorded.dns;
  endpoint.dns_search = recorded.dns_search;
  endpoint.dns_options = recorded.dns_options;
  endpoint.extra_hosts = recorded.extra_hosts;
  engine_.set_endpoint(o.id, endpoint);
}

void Operations::perform(const StartContainer& o, const Output& /*output*/) { engine_.start(engine_.find(o.name).id); }

void Operations::perform(const RestartContainer& o, const Output& /*output*/) {
  engine_.stop(o.id, o.grace);
  engine_.start(o.id);
}

void Operations::perform(const StopContainer& o, const Output& /*output*/) {
  if (engine_.try_find(o.id)) engine_.stop(o.id, o.grace);
}

void Operations::perform(const RemoveContainer& o, const Output& /*output*/) {
  const auto container = engine_.try_find(o.id);
  if (!container) return;
  engine_.remove(o.id, true, o.volumes);
  if (!o.volumes) return;
  // Those it took over from the container it replaced still carry that one's id.
  for (const auto& mount : container->config.mounts)
    if (mount.kind == engine::MountKind::named && is_anonymous(mount.source))
      engine_.volumes().remove(mount.source, {});
}

void Operations::perform(const WaitFor& o, const Output& /*output*/) {
  for (const auto& name : o.containers) wait_for_container(o, name);
}

void Operations::perform(const RemoveVolume& o, const Output& /*output*/) {
  std::vector<std::string> users;
  for (const auto& observed : engine_.list())
    for (const auto& mount : observed.container.config.mounts)
      if (mount.kind == engine::MountKind::named && mount.source == o.name)
        users.push_back(observed.container.config.name);
  engine_.volumes().remove(o.name, users);
}

void Operations::perform(const RemoveImage& o, const Output& output) {
  const auto image = engine_.images().find(o.image);
  if (!image) return;
  std::string user;
  for (const auto& observed : engine_.list())
    if (observed.container.image_id == image->id) user = observed.container.config.name;
  if (!user.empty()) return output("image " + o.image + " stays: container " + user + " uses it");
  for (const auto& line : engine_.images().remove(o.image, [](const std::string&) { return std::nullopt; }))
    output(line);
}

// Woken by the kernel when the status changes; looks up once a second only to see whether the user has given up.
void Operations::wait_for_container(const WaitFor& wait, const std::string& name) {
  const std::string id = engine_.find(name).id;
  std::string reason;
  const auto decided = [&](const monitor::Status& status) {
    reason = hopeless(status, wait.condition);
    return !reason.empty() || satisfies(status, wait.condition);
  };
  while (!engine_.runtime().wait_for(id, decided, std::chrono::seconds(1)))
    if (cancelled_()) throw base::Error("interrupted");
  if (reason.empty()) return;
  const std::string log = last_lines(id);
  throw base::Error("dependency " + wait.service + " (container " + name + ") " + reason +
                    (log.empty() ? "" : "\nits last lines:\n" + log));
}

std::string Operations::last_lines(const std::string& id) {
  runtime::LogOptions options;
  options.tail = shown_log_lines;
  std::string bytes;
  engine_.runtime().logs(id, options, [&](runtime::Stream, std::int64_t, std::string_view piece) { bytes += piece; });
  std::string text;
  for (const auto& line : base::split(base::trim(bytes), '\n'))
    if (!line.empty()) text += (text.empty() ? "    " : "\n    ") + base::escape_control(line);
  return text;
}

}  // namespace conductor::compose
