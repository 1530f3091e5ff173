// A container from start to removal.
#include "base/text.hpp"
#include "engine/directory.hpp"
#include "engine/engine.hpp"
#include "engine/events.hpp"
#include "engine/id_ranges.hpp"
#include "engine/launch.hpp"
#include "engine/mounts.hpp"
#include "engine/state.hpp"
#include "linux/fd.hpp"
#include "linux/root_fd.hpp"
#include "network/names.hpp"
#include "store/records.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

namespace conductor::engine {

void Engine::write_network_files(const Container& container) {
  const std::string directory = locations_.container(container.id) + "/";
  const auto write = [&](const char* name, const std::string& content) {
    const auto file = linux::open_file(directory + name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644);
    linux::write_all(file.get(), content);
    // Readable for every user inside, whatever our umask.
    if (fchmod(file.get(), 0644) != 0) throw base::Error::from_errno("cannot set the mode of " + directory + name);
  };
  write(hostname_file, hostname_of(container) + "\n");
  const auto& endpoint = container.config.endpoint;
  std::string more;
  for (const auto& host : endpoint.extra_hosts)
    more += (host.address == network::host_gateway ? "127.0.0.1" : host.address) + "\t" + host.name + "\n";
  std::string own_servers;
  if (!endpoint.dns.empty()) {
    network::Endpoint alone;
    alone.config = endpoint;
    own_servers = network::resolver_text(network_.settings(), alone, {});
  }
  switch (container.config.network) {
    case NetworkMode::links:
      network_.write_files(container.id, locations_.container(container.id));
      break;
    case NetworkMode::none:
      write(hosts_file, "127.0.0.1\tlocalhost\n" + more);
      write(resolver_file, own_servers);
      break;
    case NetworkMode::host:
      write(hosts_file, linux::try_read_file("/etc/hosts").value_or("127.0.0.1\tlocalhost\n") + more);
      write(resolver_file, own_servers.empty() ? linux::try_read_file("/etc/resolv.conf").value_or("") : own_servers);
      break;
    case NetworkMode::container:
      break;  // the other's are bound into it
  }
}

runtime::Created Engine::start_attached(const std::string& id, const runtime::Streams& streams) {
  const auto lock = lock_directory(locations_, id);
  const Container container = find(id);
  const base::Context context("starting container " + container.config.name);
  const auto status = runtime_.status(id);
  // Who starts one holds the lock until it runs: this one's starter was killed, and its monitor is about to end.
  const bool abandoned = status && status->phase == monitor::Phase::created;
  if (abandoned) runtime_.stop(id, std::chrono::nanoseconds(0));
  if (!abandoned && is_active(status)) throw base::Error("it is running already");
  if (status || access(locations_.run(id).c_str(), F_OK) == 0) clean_up(id);

  image::Image image;
  image.layers = container.layers;
  const bool linked = container.config.network == NetworkMode::links;
  std::vector<network::PortListener> ports;
  std::vector<runtime::Created::Listener> listeners;
  if (linked) {
    const auto endpoint = network_.reserve(id, container.config.endpoint);
    ports = network_.listen(endpoint);
    listeners = listeners_of(network_.settings(), endpoint, ports);
  }
  write_network_files(container);
  std::optional<runtime::Created> created;
  try {
    auto setup = launch_setup(container, images_.lower_directories(image), volumes_, locations_);
    const auto files = add_files(container, setup);
    linux::Fd shared_network;
    set_network(container, setup, shared_network);
    created.emplace(runtime_.create(std::move(setup), streams));
    if (linked) network_.attach(id, created->network_namespace());
    created->start(listeners);
  } catch (...) {
    base::Collector ignored;  // the failure itself is what the user needs to know
    created.reset();
    ignored.attempt([&] { clean_up(id); });
    throw;
  }
  return std::move(*created);
}

void Engine::start(const std::string& id) { start_attached(id, {}).detach(); }

void Engine::clean_up(const std::string& id) {
  base::Collector problems;
  problems.attempt([&] { network_.detach(id, is_shared(locations_, id)); });
  problems.attempt([&] { runtime_.clean(id); });
  problems.finish();
}

void Engine::settle(const std::string& id) {
  std::optional<store::Lock> lock;
  try {
    lock.emplace(lock_directory(locations_, id));
  } catch (const base::Error&) {
    if (!has_record(locations_, id)) return;
    throw;
  }
  if (is_active(runtime_.status(id))) return;
  const auto container = read_container(locations_, id);
  if (container && !container->config.auto_remove) return clean_up(id);
  store::remove_file(record_path(locations_, id));
  remove_remains(id, container, true);
  if (container) tell(locations_, *container, "destroy");
}

void Engine::stop(const std::string& id, std::optional<std::chrono::nanoseconds> grace, int signal) {
  const Container container = find(id);
  const base::Context context("stopping container " + container.config.name);
  const bool active = is_active(runtime_.status(id));
  runtime_.stop(id, grace.value_or(container.config.stop_grace), signal);
  if (active) tell(locations_, container, "stop");
  settle(id);
}

void Engine::kill(const std::string& id, int signal) {
  const Container container = find(id);
  if (!is_active(runtime_.status(id))) throw base::Error("container '" + container.config.name + "' is not running");
  const base::Context context("signalling container " + container.config.name);
  runtime_.send_signal(id, signal);
  tell(locations_, container, "kill", {{"signal", std::to_string(signal)}});
  if (signal != SIGKILL) return;
  // Nothing outlives that one, and no restart policy brings it back: it has ended when we return.
  runtime_.wait(id);
  settle(id);
}

void Engine::remove(const std::string& id, bool force, bool volumes) {
  if (is_active(runtime_.status(id))) {
    if (!force)
      throw base::Error("container '" + find(id).config.name + "' is running")
          .with_hint("stop it first, or remove it with rm -f");
    runtime_.stop(id, std::chrono::nanoseconds(0));
  }
  std::optional<store::Lock> lock;
  try {
    lock.emplace(lock_directory(locations_, id));
  } catch (const base::Error&) {
    if (!has_record(locations_, id)) return;  // it removed itself, or another command did
    throw;
  }
  if (!has_record(locations_, id)) return;
  std::optional<Container> container;
  try {
    container = read_container(locations_, id);
  } catch (const store::DamagedRecord&) {
    // What it said is lost; what belongs to the id is found without it.
  }
  const base::Context context("removing container " + (container ? container->config.name : base::short_id(id)));
  if (!volumes) keep_volumes(locations_, id);
  store::remove_file(record_path(locations_, id));
  remove_remains(id, container, volumes);
  if (container) tell(locations_, *container, "destroy");
}

void Engine::remove_remains(const std::string& id, const std::optional<Container>& container, bool volumes) {
  base::Collector problems;
  problems.attempt([&] { network_.forget(id, is_shared(locations_, id)); });
  problems.attempt([&] { runtime_.clean(id); });
  problems.attempt([&] { give_up_ids(locations_, id); });
  if (container) {
    problems.attempt([&] { give_up_name(locations_, container->config.name, id); });
  } else {
    for (const auto& name : store::list_directory(locations_.names()))
      problems.attempt([&] { give_up_name(locations_, name, id); });
  }
  if (volumes)
    for (const auto& volume : store::list_directory(locations_.volumes()))
      problems.attempt([&] { remove_anonymous_volume(volume, id); });
  // While anything is left the directory stays, and recover comes back to it; its files are gone in any case.
  if (problems.clean()) {
    problems.attempt([&] { remove_directory(locations_, id); });
  } else {
    problems.attempt([&] { linux::remove_tree(upper_directory(locations_, id)); });
  }
  problems.finish();
}

// One that cannot be read now is an error, so that recover comes back to it; one that is damaged is somebody's own.
void Engine::remove_anonymous_volume(const std::string& name, const std::string& id) {
  std::optional<volume::Volume> volume;
  try {
    volume = volumes_.find(name);
  } catch (const store::DamagedRecord&) {
    return;
  }
  if (!volume) return;
  const auto owner = volume->labels.find("conductor.anonymous");
  if (owner != volume->labels.end() && owner->second == id) volumes_.remove(name, {});
}

}  // namespace conductor::engine
