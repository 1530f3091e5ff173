// The file system of a container as its processes see it, or would: for cp, export and commit. Nothing is mounted where
// anybody else sees it, nothing of the container is executed.
#pragma once

#include "engine/engine.hpp"
#include "linux/root_fd.hpp"
#include "store/lock.hpp"

#include <optional>

namespace conductor::engine {

// Of a running container what its first process has as root, mounts included; of one that does not run its layers with
// volumes and binds on them, mounted in a namespace of their own that goes with this object. While that is there, the
// container cannot be started.
class ContainerTree {
 public:
  enum class Mounts { all, none };  // none: the root file system alone; read-only
  ContainerTree(Engine& engine, const Container& container, Mounts mounts);
  const linux::RootFd& root() const { return *root_; }
  // Throws when the container has ended since: the root may be that of nobody.
  void check() const;

 private:
  void open_running(const linux::ProcessId& process, Mounts mounts);
  void open_layers(Engine& engine, const Container& container, Mounts mounts);

  std::optional<store::Lock> lock_;
  linux::Fd process_;    // running: its pidfd
  linux::Fd namespace_;  // not running: keeps the mounts
  std::optional<linux::RootFd> root_;
};

}  // namespace conductor::engine
