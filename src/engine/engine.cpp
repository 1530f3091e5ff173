#include "engine/engine.hpp"

#include "base/log.hpp"
#include "base/text.hpp"
#include "engine/directory.hpp"
#include "engine/events.hpp"
#include "store/records.hpp"

#include <algorithm>

namespace conductor::engine {

Engine::Engine(store::Locations locations)
    : locations_(std::move(locations)),
      images_(locations_),
      volumes_(locations_),
      runtime_(locations_),
      network_(locations_, [this](const std::string& id) { return runtime_.network_namespace(id); }) {
  locations_.prepare();
  runtime_.on_adopted([this](const std::string& id) { serve_again(id); });
}

std::optional<std::string> Engine::try_resolve(const std::string& name) const {
  if (const auto id = id_of_name(locations_, name); id && has_record(locations_, *id)) return id;
  constexpr std::size_t shortest_prefix = 1;
  if (name.size() < shortest_prefix || name.find_first_not_of("0123456789abcdef") != std::string::npos)
    return std::nullopt;
  std::optional<std::string> found;
  for (const auto& id : recorded_ids(locations_)) {
    if (!id.starts_with(name)) continue;
    if (found) throw base::Error("'" + name + "' is the beginning of several container ids; give more of its digits");
    found = id;
  }
  return found;
}

std::string Engine::resolve(const std::string& name) const {
  if (auto id = try_resolve(name)) return *id;
  throw base::Error("no such container: " + base::escape_control(name) +
                    base::did_you_mean(name, store::list_directory(locations_.names())));
}

std::optional<Container> Engine::try_find(const std::string& name) const {
  const auto id = try_resolve(name);
  return id ? read_container(locations_, *id) : std::nullopt;
}

Container Engine::find(const std::string& name) const {
  const std::string id = resolve(name);
  if (auto container = read_container(locations_, id)) return *container;
  throw base::Error("no such container: " + base::escape_control(name));
}

Observed Engine::observe(const Container& container) {
  Observed observed{container, {}, network_.find(container.id)};
  if (auto status = runtime_.status(container.id)) observed.status = std::move(*status);
  return observed;
}

std::vector<Observed> Engine::list() {
  std::vector<Observed> all;
  for (const auto& id : recorded_ids(locations_)) {
    try {
      if (const auto container = read_container(locations_, id)) all.push_back(observe(*container));
    } catch (const base::Error& e) {
      base::log(base::LogLevel::warning, e.message());
    }
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Observed& a, const Observed& b) { return a.container.created > b.container.created; });
  return all;
}

void Engine::rename(const std::string& id, const std::string& name) {
  store::require_valid_name("container", name);
  const auto lock = lock_directory(locations_, id);
  Container container = find(id);
  const std::string old = container.config.name;
  if (name == old) return;
  if (!take_name(locations_, name, id)) throw base::Error("the container name '" + name + "' is in use");
  container.config.name = name;
  auto& names = container.config.endpoint.names;
  std::replace(names.begin(), names.end(), old, name);
  try {
    if (container.config.network == NetworkMode::links) network_.reconfigure(id, container.config.endpoint);
    write_container(locations_, container);
  } catch (...) {
    give_up_name(locations_, name, id);
    throw;
  }
  give_up_name(locations_, old, id);
  tell(locations_, container, "rename", {{"oldName", old}});
}

}  // namespace conductor::engine
