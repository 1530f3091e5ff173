// Named volumes and the mounts that containers ask for.
#pragma once

#include "base/fields.hpp"
#include "store/locations.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace conductor::volume {

struct Volume {
  std::string name;
  std::int64_t created = 0;  // unix nanoseconds
  std::map<std::string, std::string> labels;
  bool filled = false;        // has had its first use: takes no content of an image any more
  std::int64_t size = 0;      // bytes it may take; 0: no bound
  std::uint32_t project = 0;  // of its quota; with a size
};
template <base::Is<Volume> S, class V>
void fields(S& s, V&& v) {
  v("name", s.name), v("created", s.created), v("labels", s.labels), v("filled", s.filled);
  v("size", s.size), v("project", s.project);
}

class Volumes {
 public:
  explicit Volumes(store::Locations locations);
  // Makes it, or returns the one that is there. Throws Error for a bad name, for a `size` (bytes; 0: no bound) that the
  // one there does not have, and where the file system cannot bound it. A subvolume where the store lies on btrfs.
  Volume create(const std::string& name, const std::map<std::string, std::string>& labels = {}, std::int64_t size = 0);
  std::optional<Volume> find(const std::string& name) const;
  std::vector<Volume> list() const;
  // `in_use` names containers that mount it; refused while there are any. False when absent.
  bool remove(const std::string& name, const std::vector<std::string>& in_use);
  std::string data_directory(const std::string& name) const;
  // First use: an empty volume takes the content of the image's directory at `target` with its owner and mode, once,
  // all or nothing; later calls do nothing. Called before the volume is mounted. `lower` is the image's lower
  // directories, topmost first. Needs CAP_SYS_ADMIN.
  void fill(const std::string& name, const std::vector<std::string>& lower, const std::string& target);

 private:
  std::string directory_of(const std::string& name) const { return locations_.volumes() + "/" + name; }
  void forget_bound(const std::string& name) const;
  void take_content(const std::string& name, const std::vector<std::string>& lower, const std::string& target);

  store::Locations locations_;
};

// An existing absolute host path a container may be given: resolved; refused when it is, contains or lies in our own
// state. Throws Error naming the path. `make` creates a missing directory, as docker's -v does.
std::string check_bind_source(const store::Locations& locations, const std::string& path, bool make);

}  // namespace conductor::volume
