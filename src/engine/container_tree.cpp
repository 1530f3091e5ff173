#include "engine/container_tree.hpp"

#include "base/error.hpp"
#include "engine/directory.hpp"
#include "engine/launch.hpp"
#include "engine/state.hpp"
#include "linux/mount.hpp"
#include "linux/namespaces.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <exception>
#include <thread>

namespace conductor::engine {

namespace {

using base::Error;
using linux::Fd;

constexpr std::uint64_t inert = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;

// On a thread whose mount namespace, root and working directory are its own.
void on_own_thread(const std::function<void()>& body) {
  std::exception_ptr failure;
  std::thread thread([&] {
    try {
      if (unshare(CLONE_FS) != 0) throw Error::from_errno("cannot leave the working directory");
      body();
    } catch (...) {
      failure = std::current_exception();
    }
  });
  thread.join();
  if (failure) std::rethrow_exception(failure);
}

bool is_directory(const Fd& fd) {
  struct stat found{};
  if (fstat(fd.get(), &found) != 0) throw Error::from_errno("cannot look at a mount");
  return S_ISDIR(found.st_mode);
}

Fd source_of(const MountConfig& mount, const volume::Volumes& volumes) {
  if (mount.kind == MountKind::bind) return linux::open_file(mount.source, O_PATH);
  const auto data = linux::RootFd::open(volumes.data_directory(mount.source));
  return data.open(mount.subpath.empty() ? "." : mount.subpath, O_PATH);
}

void put_mount(const linux::RootFd& root, const MountConfig& mount, const volume::Volumes& volumes) {
  if (mount.kind == MountKind::tmpfs) return;  // empty until it runs
  const base::Context context("mount on " + mount.target);
  const Fd source = source_of(mount, volumes);
  const Fd tree = linux::clone_tree(source.get(), mount.recursive);
  linux::set_propagation(tree.get(), MS_PRIVATE, mount.recursive);
  linux::set_attributes(tree.get(), inert | (mount.read_only ? MOUNT_ATTR_RDONLY : 0U), mount.recursive);
  const Fd target = is_directory(source) ? root.make_directories(mount.target) : root.make_file(mount.target);
  linux::attach(tree.get(), target.get());
}

}  // namespace

ContainerTree::ContainerTree(Engine& engine, const Container& container, Mounts mounts) {
  const base::Context context("container " + container.config.name);
  const auto process = [&]() -> std::optional<linux::ProcessId> {
    const auto status = engine.runtime().status(container.id);
    return is_active(status) && status->process.pid > 0 ? std::optional(status->process) : std::nullopt;
  };
  auto found = process();
  if (!found) {
    lock_.emplace(lock_directory(engine.locations(), container.id));
    found = process();  // whoever had the lock before may have started it
  }
  if (!found) {
    open_layers(engine, container, mounts);
  } else {
    lock_.reset();
    open_running(*found, mounts);
  }
}

void ContainerTree::open_running(const linux::ProcessId& process, Mounts mounts) {
  auto found = linux::open_process(process);
  if (!found) throw Error("it has just ended").with_hint("try again");
  process_ = std::move(*found);
  if (mounts == Mounts::all) {
    root_.emplace(linux::open_file("/proc/" + std::to_string(process.pid) + "/root", O_PATH | O_DIRECTORY));
    return check();
  }
  const Fd other = linux::open_namespace(process.pid, "mnt");
  check();
  Fd tree;
  on_own_thread([&] {
    linux::enter_namespace(other);  // from here to the end of the thread system calls alone
    tree = linux::clone_tree(linux::open_file("/", O_PATH | O_DIRECTORY).get(), false);
  });
  linux::set_attributes(tree.get(), MOUNT_ATTR_RDONLY, false);
  root_.emplace(std::move(tree));
}

void ContainerTree::open_layers(Engine& engine, const Container& container, Mounts mounts) {
  image::Image image;
  image.layers = container.layers;
  const bool read_only = container.config.read_only || mounts == Mounts::none;
  on_own_thread([&] {
    if (unshare(CLONE_NEWNS) != 0) throw Error::from_errno("cannot make a mount namespace");
    linux::make_mounts_private();
    Fd tree =
        linux::new_overlay({engine.images().lower_directories(image), upper_directory(engine.locations(), container.id),
                            work_directory(engine.locations(), container.id)},
                           inert);
    // Put somewhere that this namespace has, so that mounts can be put on it.
    const Fd place = linux::open_file(engine.locations().container(container.id), O_PATH | O_DIRECTORY);
    linux::attach(tree.get(), place.get());
    root_.emplace(std::move(tree));
    if (mounts == Mounts::all)
      for (const auto& mount : container.config.mounts) put_mount(*root_, mount, engine.volumes());
    if (read_only) linux::set_attributes(root_->get(), MOUNT_ATTR_RDONLY, false);
    namespace_ = linux::open_own_namespace("mnt");
  });
}

void ContainerTree::check() const {
  if (process_ && linux::has_ended(process_)) throw Error("it has ended meanwhile").with_hint("try again");
}

}  // namespace conductor::engine
