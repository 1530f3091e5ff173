// mode checkout: the host's git(1), in namespaces of its own where nothing can be written but the target directory.
#include "base/error.hpp"
#include "base/text.hpp"
#include "linux/fd.hpp"
#include "linux/mount.hpp"
#include "linux/process.hpp"
#include "linux/root_fd.hpp"
#include "transfer/program/confine.hpp"
#include "transfer/program/git.hpp"
#include "transfer/program/modes.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <string>
#include <vector>

namespace conductor::transfer::program {
namespace {

using base::Error;
using linux::Fd;

linux::CapabilitySet bit(int capability) { return linux::CapabilitySet{1} << capability; }

// Where the target directory is. It is put there again, so that it alone stays writable.
std::string path_of_target() {
  std::array<char, 4096> path{};
  const ssize_t size =
      readlink(("/proc/self/fd/" + std::to_string(directory_descriptor)).c_str(), path.data(), path.size());
  if (size <= 0) throw Error::from_errno("cannot name the target directory");
  return {path.data(), static_cast<std::size_t>(size)};
}

void enter_confinement(const Fd& target, const std::string& path) {
  linux::make_mounts_private();
  linux::set_attributes(linux::open_file("/", O_PATH | O_DIRECTORY).get(), MOUNT_ATTR_RDONLY, true);
  linux::attach(target.get(), linux::open_file(path, O_PATH | O_DIRECTORY | O_NOFOLLOW).get());
  // A repository of this machine may belong to a user who lets nobody else read it.
  keep_capabilities(bit(CAP_DAC_READ_SEARCH) | bit(CAP_DAC_OVERRIDE));
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) throw Error::from_errno("cannot give up new privileges");
  umask(022);
}

// Of submodules: links to their repositories, which are gone.
void remove_links_to_repositories(const linux::RootFd& root, const std::string& directory, int depth) {
  constexpr int deepest = 256;
  if (depth > deepest) throw Error("the tree is too deep");
  for (const auto& name : root.list(directory)) {
    const std::string path = directory + "/" + name;
    const auto found = root.status(path);
    if (!found) continue;
    if (name == ".git")
      root.remove_all(path);
    else if (S_ISDIR(found->st_mode))
      remove_links_to_repositories(root, path, depth + 1);
  }
}

// "", "/", "./" …
bool is_top(const std::string& subdirectory) {
  const auto parts = base::split(subdirectory, '/');
  return std::all_of(parts.begin(), parts.end(), [](const auto& part) { return part.empty() || part == "."; });
}

// The contents of the subdirectory in place of everything. A tree of git never holds the name ".git".
void keep_subdirectory(const linux::RootFd& root, const std::string& top, const std::string& subdirectory) {
  const auto found = root.status(subdirectory);
  if (!found || !S_ISDIR(found->st_mode))
    throw Error("the repository has no directory " + base::escape_control(subdirectory));
  const Fd chosen = root.open(subdirectory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  const std::string out = ".git/out";
  // The name below the root that the descriptor has: links on the way are followed inside the root and gone then.
  const std::string path = "/proc/self/fd/" + std::to_string(chosen.get());
  std::array<char, 4096> real{};
  const ssize_t size = readlink(path.c_str(), real.data(), real.size());
  const std::string prefix = top + "/";
  const std::string name(real.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  if (!name.starts_with(prefix)) throw Error("the directory is not in the repository");
  if (renameat(AT_FDCWD, name.c_str(), root.get(), out.c_str()) != 0)
    throw Error::from_errno("cannot take the directory");
  for (const auto& entry : root.list("."))
    if (entry != ".git") root.remove_all(entry);
  const Fd moved = root.open(out, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  for (const auto& entry : root.list(out))
    if (renameat(moved.get(), entry.c_str(), root.get(), entry.c_str()) != 0)
      throw Error::from_errno("cannot take " + base::escape_control(entry));
}

Report fetch(const Request& request, const std::string& directory) {
  const linux::RootFd root = linux::RootFd::open(directory);
  Report report;
  report.commit = fetch_and_checkout(request, directory);
  const bool whole = is_top(request.subdir);
  if (!whole) keep_subdirectory(root, directory, request.subdir);
  if (!whole || !request.keep_git) root.remove_all(".git");
  if (!request.keep_git) remove_links_to_repositories(root, ".", 0);
  report.kind = ReportKind::done;
  return report;
}

// The first process of its own pid namespace: its end is the end of all it has started.
int be_first(const Request& request, const Fd& target) {
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  try {
    const std::string directory = path_of_target();
    enter_confinement(target, directory);
    send(fetch(request, directory));
  } catch (const Error& e) {
    Report report;
    report.kind = ReportKind::failed;
    report.sentence = e.what();
    report.hint = e.hint();
    send(report);
  }
  return 0;
}

}  // namespace

std::optional<Report> checkout(const Request& request) {
  const base::Context context("checking out " + shown_repository(request.url));
  require_git();
  const Fd target = linux::clone_tree(directory_descriptor, false);
  const linux::Child child = linux::clone_child(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS,
                                                [&] { return be_first(request, target); });
  // Ends with the child, or when nobody waits for it any more.
  std::array<pollfd, 2> waits{pollfd{child.pidfd.get(), POLLIN, 0}, pollfd{control_descriptor, 0, 0}};
  while (poll(waits.data(), waits.size(), -1) < 0)
    if (errno != EINTR) break;
  linux::send_signal(child.pidfd, SIGKILL);
  const linux::Ending ending = linux::wait_for(child.pidfd);
  if (ending.signal != 0 || ending.code != 0) throw Error("git was ended");
  return std::nullopt;
}

}  // namespace conductor::transfer::program
