// What a container has changed of its image: docker's diff, and commit, which makes an image of it.
#pragma once

#include "engine/engine.hpp"

#include <functional>
#include <string>
#include <vector>

namespace conductor::engine {

enum class ChangeKind { added, changed, removed };
struct Change {
  ChangeKind kind = ChangeKind::changed;
  std::string path;  // "/etc/hosts"
};
// Sorted by path. Places where something is mounted are no changes; a directory is one when owner, mode or time differ.
std::vector<Change> changes_of(Engine& engine, const Container& container);

struct Commit {
  std::string author, message;
  bool pause = true;                                  // its processes stand still while files are copied
  std::function<void(image::Config& config)> change;  // has the last word about the configuration; may be empty
};
// An image of the container's layers and what it has changed, with the container's command, variables, user … as
// configuration; under no name. What lies in volumes and other mounts is not in it. Nothing is visible when this
// throws.
image::Image commit(Engine& engine, const Container& container, const Commit& wanted,
                    const std::vector<image::Reference>& names);

}  // namespace conductor::engine
