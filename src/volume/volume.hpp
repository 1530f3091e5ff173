// Named volumes and the mounts that containers ask for.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/fields.hpp"
#include "store/locations.hpp"

namespace conductor::volume {

struct Volume {
  std::string name;
  std::int64_t created = 0;  // unix nanoseconds
  std::map<std::string, std::string> labels;
};
template <base::Is<Volume> S, class V>
void fields(S& s, V&& v) {
  v("name", s.name), v("created", s.created), v("labels", s.labels);
}

class Volumes {
 public:
  explicit Volumes(store::Locations locations);
  // Makes it, or returns the one that is there. Throws Error for a bad name.
  Volume create(const std::string& name, const std::map<std::string, std::string>& labels = {});
  std::optional<Volume> find(const std::string& name) const;
  std::vector<Volume> list() const;
  // `in_use` names containers that mount it; refused while there are any. False when absent.
  bool remove(const std::string& name, const std::vector<std::string>& in_use);
  std::string data_directory(const std::string& name) const;
  // First use: an empty volume takes the content of the image's directory at `target`, once, all or nothing.
  // `lower` is the image's lower directories, topmost first.
  void fill(const std::string& name, const std::vector<std::string>& lower, const std::string& target);

 private:
  store::Locations locations_;
};

// An existing absolute host path a container may be given: resolved, refused when it is or contains our own state.
// Throws Error naming the path. `make` creates a missing directory, as docker's -v does.
std::string check_bind_source(const store::Locations& locations, const std::string& path, bool make);

}  // namespace conductor::volume
