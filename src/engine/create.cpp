// Making a container: everything is checked, then name, address, ports and volumes are taken, then the record is
// written.
#include "base/text.hpp"
#include "base/units.hpp"
#include "engine/confinement.hpp"
#include "engine/directory.hpp"
#include "engine/engine.hpp"
#include "engine/events.hpp"
#include "engine/id_ranges.hpp"
#include "engine/launch.hpp"
#include "engine/limits.hpp"
#include "engine/log_settings.hpp"
#include "engine/mounts.hpp"
#include "engine/names.hpp"
#include "linux/netlink.hpp"
#include "store/records.hpp"

#include <algorithm>

namespace conductor::engine {

namespace {

void check_hostname(const std::string& name) {
  constexpr std::size_t longest = 64;  // hostname(7)
  if (name.empty()) return;
  if (name.size() > longest || name.front() == '-' ||
      name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") != std::string::npos)
    throw base::Error("'" + base::escape_control(name) +
                      "' is no host name: at most 64 letters, digits, dots, dashes and underscores");
}

void check_network(const ContainerConfig& config) {
  if (config.network == NetworkMode::links) return;
  const auto& endpoint = config.endpoint;
  const bool shared = config.network == NetworkMode::container;
  const std::string mode =
      "--network " + std::string(base::enum_name(config.network)) + (shared ? ":" + config.network_container : "");
  if (shared && config.network_container.empty()) throw base::Error("--network container: names no container");
  if (!endpoint.publish.empty()) throw base::Error("ports cannot be published with " + mode);
  if (!endpoint.links.empty()) throw base::Error("peers cannot be declared with " + mode);
  if (!endpoint.networks.empty()) throw base::Error("networks cannot be named with " + mode);
  if (endpoint.internet || !endpoint.internet_to.empty())
    throw base::Error("internet cannot be asked for with " + mode);
  if (!endpoint.host_ports.empty()) throw base::Error("services of the host cannot be asked for with " + mode);
  // /etc/hosts and /etc/resolv.conf are the other's.
  if (shared && !(endpoint.dns.empty() && endpoint.dns_search.empty() && endpoint.dns_options.empty()))
    throw base::Error("name servers cannot be chosen with " + mode);
  if (shared && !endpoint.extra_hosts.empty()) throw base::Error("hosts cannot be added with " + mode);
}

void check_user_namespace(const ContainerConfig& config) {
  const auto asked = config.user_namespace;
  if (asked == UserNamespace::mapped) check_maps(config.ids);
  if (config.network == NetworkMode::container && (asked == UserNamespace::mapped || asked == UserNamespace::automatic))
    throw base::Error("a container has the ids of the one whose network it shares (" + config.network_container +
                      "): ids of its own cannot be asked for");
}

// What can be known without looking at image or machine.
void check(const ContainerConfig& config) {
  if (!config.name.empty()) store::require_valid_name("container", config.name);
  if (config.image.empty()) throw base::Error("no image is named");
  for (const auto& variable : config.environment)
    if (variable.find('=') == std::string::npos || variable.front() == '=')
      throw base::Error("'" + base::escape_control(variable) + "' is no environment variable: NAME=value");
  if (config.auto_remove && config.restart.policy != monitor::RestartPolicy::no)
    throw base::Error("a container that is removed when it ends (--rm) cannot have a restart policy");
  check_confinement(config);
  check_limits(config.limits);
  check_oom_score(config.oom_score_adjust);
  check_mounts(config);
  check_hostname(config.hostname);
  check_network(config);
  check_user_namespace(config);
  require_log_driver(config.log);
}

// VOLUME of the image: each path is a volume that nobody named, unless something is mounted there.
void add_image_volumes(ContainerConfig& config, const image::Config& image) {
  for (const auto& volume : image.volumes) {
    const auto end = volume.find_last_not_of('/');
    MountConfig mount;
    mount.kind = MountKind::named;
    mount.target = end == std::string::npos ? "/" : volume.substr(0, end + 1);
    const bool taken = std::any_of(config.mounts.begin(), config.mounts.end(),
                                   [&](const MountConfig& other) { return other.target == mount.target; });
    if (taken) continue;
    mount.source = store::new_id();
    config.mounts.push_back(std::move(mount));
  }
  check_mounts(config);
}

// HEALTHCHECK of the image, where the container has none of its own; times that were given count in any case.
void add_image_healthcheck(monitor::Healthcheck& own, const std::optional<image::Healthcheck>& image) {
  if (!own.test.empty() || !image) return;
  const monitor::Healthcheck standard;
  own.test = image->test;
  const auto take = [](std::chrono::nanoseconds& time, std::chrono::nanoseconds otherwise, std::int64_t of_image) {
    if (time == otherwise && of_image > 0) time = std::chrono::nanoseconds(of_image);
  };
  take(own.interval, standard.interval, image->interval);
  take(own.timeout, standard.timeout, image->timeout);
  take(own.start_period, standard.start_period, image->start_period);
  take(own.start_interval, standard.start_interval, image->start_interval);
  if (own.retries == standard.retries && image->retries > 0) own.retries = image->retries;
}

// A volume nobody named: it goes with its container.
bool is_anonymous(const std::string& volume) {
  constexpr std::size_t digits = 64;
  return volume.size() == digits && volume.find_first_not_of("0123456789abcdef") == std::string::npos;
}

std::string take_made_up_name(const store::Locations& locations, const std::string& id) {
  constexpr int attempts = 20;
  for (int i = 0; i < attempts; ++i) {
    std::string name = made_up_name();
    if (take_name(locations, name, id)) return name;
  }
  std::string name = made_up_name() + "_" + base::short_id(id);
  take_name(locations, name, id);
  return name;
}

void take_wanted_name(const store::Locations& locations, const std::string& name, const std::string& id) {
  if (take_name(locations, name, id)) return;
  const auto holder = id_of_name(locations, name);
  throw base::Error("the container name '" + name + "' is in use" +
                    (holder ? " by container " + base::short_id(*holder) : ""))
      .with_hint("remove that container (conductor rm " + name + ") or choose another name");
}

}  // namespace

void Engine::make_mounts(const Container& container) {
  image::Image image;
  image.layers = container.layers;
  for (const auto& mount : container.config.mounts) {
    if (mount.kind != MountKind::named) continue;
    std::map<std::string, std::string> labels;
    if (is_anonymous(mount.source)) labels["conductor.anonymous"] = container.id;
    volumes_.create(mount.source, labels);
    if (mount.copy && mount.subpath.empty())
      volumes_.fill(mount.source, images_.lower_directories(image), mount.target);
  }
}

void Engine::reserve_endpoint(Container& container) {
  auto& endpoint = container.config.endpoint;
  const auto reserved = network_.reserve(container.id, endpoint);
  // A host name of the user's own is for the container itself; names that others may link to are unique, it need not
  // be.
  const std::string& hostname = container.config.hostname;
  if (hostname.empty() || hostname == container.config.name) return;
  endpoint.extra_hosts.push_back({hostname, linux::to_text(reserved.address)});
  const auto& settings = network_.settings();
  if (settings.ipv6())
    endpoint.extra_hosts.push_back({hostname, linux::to_text(settings.address6_of(reserved.address))});
  network_.reserve(container.id, endpoint);
}

Container Engine::create(ContainerConfig config, const image::Progress& progress) {
  name_devices(config.limits, locations_.root);
  check(config);
  if (config.network == NetworkMode::container) {
    const Container other = find(config.network_container);  // throws when there is none
    if (other.config.name != config.network_container &&
        config.network_container.size() < base::short_id(other.id).size())
      config.network_container = other.id;
  }
  const image::Image image = images_.resolve(config.image, progress);
  Container container;
  container.id = store::new_id();
  container.created = base::now_unix_ns();
  container.image_id = image.id;
  container.layers = image.layers;
  container.image_config = image.config;
  container.config = std::move(config);
  add_image_volumes(container.config, image.config);
  add_image_healthcheck(container.config.healthcheck, image.config.healthcheck);
  arguments_of(container);
  stop_signal_of(container);

  const std::string& id = container.id;
  const auto lock = make_directory(locations_, id);
  try {
    auto& wanted = container.config;
    if (wanted.name.empty())
      wanted.name = take_made_up_name(locations_, id);
    else
      take_wanted_name(locations_, wanted.name, id);
    for (auto& mount : wanted.mounts)
      if (mount.kind == MountKind::bind) mount.source = volume::check_bind_source(locations_, mount.source, true);
    if (wanted.network == NetworkMode::links) {
      wanted.endpoint.names = {wanted.name, base::short_id(id)};
      reserve_endpoint(container);
    }
    container.ids = ids_for(locations_, id, wanted);
    make_mounts(container);
    write_container(locations_, container);
    tell(locations_, container, "create");
  } catch (...) {
    base::Collector ignored;  // the failure itself is what the user needs to know
    ignored.attempt([&] { remove_remains(id, container, true); });
    throw;
  }
  return container;
}

}  // namespace conductor::engine
