#include "monitor/sent_mounts.hpp"

#include "base/error.hpp"
#include "linux/mount.hpp"
#include "linux/root_fd.hpp"
#include "monitor/extra_mounts.hpp"
#include "monitor/layers.hpp"
#include "monitor/user_ids.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

namespace conductor::monitor {
namespace {

using base::Error;
using linux::Fd;

constexpr const char* content_name = "content";

Fd descriptor_of(int number) {
  Fd fd(fcntl(first_sent_descriptor + number, F_DUPFD_CLOEXEC, 0));
  if (!fd) throw Error::from_errno("what it shows was not sent along");
  return fd;
}

Fd overlay_on(const LaunchSpec& spec, const Fd& tree, const SentTree& sent, const Fd* users) {
  linux::OverlayDirectories directories{sent.above, sent.upper, sent.work};
  directories.lower.push_back("/proc/self/fd/" + std::to_string(tree.get()));
  return overlay_of(directories, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, spec, users);
}

// A part of what the mount's source names: found inside of it, whoever changes it meanwhile.
Fd part_of(const Mount& mount, const Fd* users) {
  const linux::RootFd root = linux::RootFd::open(mount.source);
  Fd tree = linux::clone_tree(root.open(mount.tree->inside, O_PATH).get(), mount.recursive);
  if (users != nullptr) linux::map_ids(tree.get(), *users, mount.recursive);
  return tree;
}

Fd tree_of(const LaunchSpec& spec, const SentTree& sent, const Fd* users) {
  Fd tree = descriptor_of(sent.number);
  if (users != nullptr) linux::map_ids(tree.get(), *users, true);
  const bool overlay = !sent.above.empty() || !sent.upper.empty();
  if (!overlay && sent.inside.empty()) return tree;
  mount_on_the_way(spec, tree);
  if (overlay) tree = overlay_on(spec, tree, sent, users);
  if (sent.inside.empty()) return tree;
  if (overlay) mount_on_the_way(spec, tree);
  const linux::RootFd root(std::move(tree));
  return linux::clone_tree(root.open(sent.inside, O_PATH).get(), true);
}

// From its beginning on, wherever others who have it open have read to.
template <class Sink>
void read_bytes(const Fd& from, Sink&& sink) {
  std::array<char, 16384> buffer;
  for (off_t offset = 0;;) {
    const ssize_t size = pread(from.get(), buffer.data(), buffer.size(), offset);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) throw Error::from_errno("cannot read what it shows");
    if (size == 0) return;
    sink(std::string_view(buffer.data(), static_cast<std::size_t>(size)));
    offset += size;
  }
}

Fd file_of(const LaunchSpec& spec, const SentContent& sent) {
  const Fd content = descriptor_of(sent.number);
  const linux::Ids owner =
      has_own_ids(spec.ids) ? outside_ids(spec.ids, sent.uid, sent.gid) : linux::Ids{sent.uid, sent.gid};
  const Fd memory = linux::new_filesystem("ramfs", {{"mode", "700"}}, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
  mount_on_the_way(spec, memory);
  {
    const Fd file = linux::open_at(memory.get(), content_name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    read_bytes(content, [&](std::string_view bytes) { linux::write_all(file.get(), bytes); });
    if (fchown(file.get(), owner.user, owner.group) != 0 || fchmod(file.get(), sent.mode) != 0)
      throw Error::from_errno("cannot set its owner and mode");
  }
  return linux::clone_tree(linux::open_at(memory.get(), content_name, O_PATH | O_NOFOLLOW).get(), false);
}

}  // namespace

bool is_sent(const Mount& mount) { return mount.tree || mount.content; }

Fd sent_tree(const LaunchSpec& spec, const Mount& mount, const Fd* users) {
  const base::Context context("mount on " + mount.target);
  Fd tree;
  if (mount.content)
    tree = file_of(spec, *mount.content);
  else
    tree = mount.tree->number < 0 ? part_of(mount, users) : tree_of(spec, *mount.tree, users);
  set_attributes_of(mount, tree);
  return tree;
}

Process with_sent_environment(const LaunchSpec& spec) {
  Process process = spec.process;
  if (spec.sent_environment < 0) return process;
  std::string text;
  read_bytes(descriptor_of(spec.sent_environment), [&](std::string_view bytes) { text += bytes; });
  for (std::size_t begin = 0, end = 0; (end = text.find('\0', begin)) != std::string::npos; begin = end + 1) {
    const std::string variable = text.substr(begin, end - begin);
    const std::string name = variable.substr(0, variable.find('=') + 1);
    std::erase_if(process.environment, [&](const std::string& other) { return other.starts_with(name); });
    process.environment.push_back(variable);
  }
  return process;
}

}  // namespace conductor::monitor
