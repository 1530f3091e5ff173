#include "store/locations.hpp"

#include "base/error.hpp"
#include "base/sha256.hpp"
#include "store/records.hpp"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

namespace conductor::store {
namespace {

constexpr const char* default_root = "/var/lib/conductor";
constexpr const char* default_state = "/run/conductor";
constexpr std::size_t instance_digits = 6;

// One spelling per directory: absolute, without links, dots and a slash at the end.
std::string canonical(const std::string& path) {
  std::error_code failed;
  const auto absolute = std::filesystem::absolute(path, failed);
  auto result = std::filesystem::weakly_canonical(absolute, failed);
  if (failed) throw base::Error("cannot resolve " + path, failed.value());
  if (!result.has_filename()) result = result.parent_path();
  return result.string();
}

std::string first_of(const std::string& argument, const char* variable) {
  if (!argument.empty()) return argument;
  const char* value = std::getenv(variable);
  return value != nullptr ? value : "";
}

bool is_directory(const std::string& path) {
  struct stat found{};
  return stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode);
}

}  // namespace

Locations Locations::choose(const std::string& root, const std::string& state) {
  const std::string given_root = first_of(root, "CONDUCTOR_ROOT");
  const std::string given_state = first_of(state, "CONDUCTOR_STATE");
  Locations locations;
  locations.root = canonical(given_root.empty() ? default_root : given_root);
  const bool standard = locations.root == default_root;
  if (!given_state.empty())
    locations.state = canonical(given_state);
  else
    locations.state = standard ? default_state : locations.root + "/run";
  locations.instance =
      standard ? "conductor" : "conductor-" + base::sha256_hex(locations.root).substr(0, instance_digits);
  return locations;
}

void Locations::prepare() const {
  // The two that are made last: where they are, all others are.
  if (is_directory(temporary()) && is_directory(locks())) return;
  const base::Context context("preparing " + root);
  for (const auto& path : {root, containers(), names(), images(), tags(), layers(), cache(), bases(), volumes(),
                           network(), cache_mounts(), projects(), temporary(), state, state + "/containers", locks()})
    make_directory(path);
}

}  // namespace conductor::store
