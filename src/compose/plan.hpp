// The plan: operations with their causes and the order between them. A value: it is printed, compared and carried out,
// and it holds everything that carrying it out needs.
#pragma once

#include "base/fields.hpp"
#include "base/json.hpp"
#include "base/source.hpp"
#include "compose/project.hpp"

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace conductor::compose {

// --- operations. `type` names one in the JSON form; `service` is empty where it belongs to none.
// ----------------------------

struct CreateVolume {
  static constexpr const char* type = "create_volume";
  std::string name;
  std::map<std::string, std::string> labels;
};
template <base::Is<CreateVolume> S, class V>
void fields(S& s, V&& v) {
  v("name", s.name), v("labels", s.labels);
}

struct CreateNetwork {
  static constexpr const char* type = "create_network";
  network::NetworkConfig network;
};
template <base::Is<CreateNetwork> S, class V>
void fields(S& s, V&& v) {
  v("network", s.network);
}

struct RemoveNetwork {
  static constexpr const char* type = "remove_network";
  std::string name;
  bool keep_used = false;  // left, with a note, while somebody else is in it; else that is a failure
};
template <base::Is<RemoveNetwork> S, class V>
void fields(S& s, V&& v) {
  v("name", s.name), v("keep_used", s.keep_used);
}

struct BuildImage {
  static constexpr const char* type = "build_image";
  std::string service;
  std::string image;
  BuildSpec build;
};
template <base::Is<BuildImage> S, class V>
void fields(S& s, V&& v) {
  v("service", s.service), v("image", s.image), v("build", s.build);
}

// Makes an image that is not there available from outside: a distribution's base.
struct FetchImage {
  static constexpr const char* type = "fetch_image";
  std::string service;  // the first that needs it
  std::string image;
};
template <base::Is<FetchImage> S, class V>
void fields(S& s, V&& v) {
  v("service", s.service), v("image", s.image);
}

struct CreateContainer {
  static constexpr const char* type = "create_container";
  std::string service;
  std::string name;
  engine::ContainerConfig config;
};
template <base::Is<CreateContainer> S, class V>
void fields(S& s, V&& v) {
  v("service", s.service), v("name", s.name), v("config", s.config);
}

// Stops and removes `id`, then creates it anew. A start follows as an operation of its own.
struct RecreateContainer {
  static constexpr const char* type = "recreate_container";
  std::string service;
  std::string name;
  std::string id;
  engine::ContainerConfig config;
};
template <base::Is<RecreateContainer> S, class V>
void fields(S& s, V&& v) {
  v("service", s.service), v("name", s.name), v("id", s.id), v("config", s.config);
}

// Reach, networks and published ports of a container that stays as it is.
struct UpdateNetwork {
  static constexpr const char* type = "update_network";
  std::string service;
  std::string name;
  std::string id;
  network::EndpointConfig endpoint;
};
template <base::Is<UpdateNetwork> S, class V>
void fields(S& s, V&& v) {
  v("service", s.service), v("name", s.name), v("id", s.id), v("endpoint", s.endpoint);
}

struct StartContainer {
  static constexpr const char* type = "start_container";
  std::string service;
  std::string name;
};
template <base::Is<StartContainer> S, class V>
void fields(S& s, V&& v) {
  v("service", s.service), v("name", s.name);
}

struct RestartContainer {
  static constexpr const char* type = "restart_container";
  std::string service;
  std::string name;
  std::string id;
  std::optional<std::chrono::nanoseconds> grace;  // nothing: the container's own
};
template <base::Is<RestartContainer> S, class V>
void fields(S& s, V&& v) {
  v("service", s.service), v("name", s.name), v("id", s.id), v("grace", s.grace);
}

struct StopContainer {
  static constexpr const char* type = "stop_container";
  std::string service;
  std::string name;
  std::string id;
  std::optional<std::chrono::nanoseconds> grace;
};
template <base::Is<StopContainer> S, class V>
void fields(S& s, V&& v) {
  v("service", s.service), v("name", s.name), v("id", s.id), v("grace", s.grace);
}

struct RemoveContainer {
  static constexpr const char* type = "remove_container";
  std::string service;
  std::string name;
  std::string id;
  bool volumes = false;  // its anonymous volumes too
};
template <base::Is<RemoveContainer> S, class V>
void fields(S& s, V&& v) {
  v("service", s.service), v("name", s.name), v("id", s.id), v("volumes", s.volumes);
}

// Until every container of a service has reached a condition.
struct WaitFor {
  static constexpr const char* type = "wait_for";
  std::string service;
  parser::Condition condition = parser::Condition::healthy;
  std::vector<std::string> containers;  // names
};
template <base::Is<WaitFor> S, class V>
void fields(S& s, V&& v) {
  v("service", s.service), v("condition", s.condition), v("containers", s.containers);
}

struct RemoveVolume {
  static constexpr const char* type = "remove_volume";
  std::string name;
};
template <base::Is<RemoveVolume> S, class V>
void fields(S& s, V&& v) {
  v("name", s.name);
}

// Kept, with a note, while somebody else uses it.
struct RemoveImage {
  static constexpr const char* type = "remove_image";
  std::string image;
};
template <base::Is<RemoveImage> S, class V>
void fields(S& s, V&& v) {
  v("image", s.image);
}

using Operation = std::variant<CreateVolume, CreateNetwork, RemoveNetwork, BuildImage, FetchImage, CreateContainer,
                               RecreateContainer, UpdateNetwork, StartContainer, RestartContainer, StopContainer,
                               RemoveContainer, WaitFor, RemoveVolume, RemoveImage>;

std::string title(const Operation& operation);       // "create container shop-web-1"
std::string service_of(const Operation& operation);  // empty for volumes and images to remove

// --- the plan
// -----------------------------------------------------------------------------------------------------------

// Why: a key of the file that says something else than before, or a sentence about the machine.
struct Cause {
  base::Position position;  // line 0: not from the file
  std::string reason;       // set when no key changed
  std::string key, before, after;
};
std::string to_text(const Cause& cause);

struct Step {
  Operation operation;
  std::vector<Cause> causes;
  std::vector<std::size_t> after;  // steps that must have succeeded; each is smaller than this step's own number
};

struct Plan {
  std::string project;
  bool teardown = false;  // go on when a step fails, and report at the end
  std::vector<Step> steps;
  std::vector<std::string> notes;  // what the user should know and the plan leaves alone

  bool empty() const { return steps.empty(); }
  std::size_t add(Operation operation, std::vector<Cause> causes = {}, std::vector<std::size_t> after = {});
};

//   1. create volume shop_data
//        compose.yaml:14:3: volume data is not there yet
//   2. start container shop-web-1 (after 1)
// Empty for an empty plan without notes.
std::string to_text(const Plan& plan);
// {"format":1,"project":…,"operations":[{"number":1,"type":…,…,"causes":[…],"after":[…]}],"notes":[…]}
base::Json to_json(const Plan& plan);

}  // namespace conductor::compose
