#include "linux/cgroup.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "linux/cgroup_devices.hpp"
#include "linux/cgroup_layout.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <functional>
#include <set>

namespace conductor::linux {
namespace {

using base::Error;

constexpr int freeze_patience = 10'000;  // ms: a process in an uninterruptible call freezes when that ends

constexpr int attempts_to_make = 10;

bool exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

std::vector<std::string> subdirectories(const std::string& directory) {
  std::vector<std::string> list;
  struct stat found{};
  constexpr nlink_t links_of_leaf = 2;  // its name and its ".": each directory below adds one
  if (stat(directory.c_str(), &found) != 0 || found.st_nlink == links_of_leaf) return list;
  DIR* stream = opendir(directory.c_str());
  if (stream == nullptr) return list;
  while (const dirent* entry = readdir(stream)) {
    const std::string name = entry->d_name;
    if (entry->d_type == DT_DIR && name != "." && name != "..")
      list.push_back(std::string(directory).append("/").append(name));
  }
  closedir(stream);
  return list;
}

// Every group below `directory` and itself, the deepest first: somebody with rights may have made groups in ours.
void each_group(const std::string& directory, const std::function<void(const std::string&)>& visit) {
  for (const auto& below : subdirectories(directory)) each_group(below, visit);
  visit(directory);
}

// --- making a group --------------------------------------------------------------------------------

// A new group of version 1's cpuset accepts no process before it has processors and memory nodes. False when the parent
// has none itself: somebody else has just made it.
bool inherit_cpuset(const std::string& parent, const std::string& group) {
  for (const char* file : {"/cpuset.cpus", "/cpuset.mems"}) {
    if (!base::trim(read_file(group + file)).empty()) continue;
    const std::string inherited = read_file(parent + file);
    if (base::trim(inherited).empty()) return false;
    write_kernel_file(group + file, base::trim(inherited));
  }
  return true;
}

// Version 2: what a parent does not hand on, its children do not have. Refusal (EBUSY: the parent holds processes
// itself) shows where a limit that needs the controller is set.
void hand_on_controllers(const CgroupHierarchy& hierarchy, const std::string& parent) {
  const std::string file = parent + "/cgroup.subtree_control";
  const auto present = base::split(base::trim(read_file(file)), ' ');
  for (const auto& controller : hierarchy.controllers) {
    if (std::find(present.begin(), present.end(), controller) != present.end()) continue;
    try {
      write_kernel_file(file, "+" + controller);
    } catch (const Error&) {
    }
  }
}

bool prepare_group(const CgroupHierarchy& hierarchy, const std::string& parent, const std::string& group) {
  if (mkdir(group.c_str(), 0755) != 0 && errno != EEXIST) throw Error::from_errno("cannot make " + group);
  return hierarchy.unified || !hierarchy.has("cpuset") || inherit_cpuset(parent, group);
}

void make_directories(const CgroupHierarchy& hierarchy, const std::string& path) {
  std::string parent = hierarchy.root;
  for (const auto& name : base::split(path, '/')) {
    const std::string group = std::string(parent).append("/").append(name);
    if (hierarchy.unified) hand_on_controllers(hierarchy, parent);
    prepare_group(hierarchy, parent, group);
    parent = group;
  }
}

// One call where only the last directory is missing, which is every time but the first.
void make_group_once(const CgroupHierarchy& hierarchy, const std::string& path) {
  const std::string group = hierarchy.directory(path);
  const std::string parent = group.substr(0, group.rfind('/'));
  const bool whole_path = hierarchy.unified || parent == hierarchy.root || !exists(parent);
  if (whole_path || !prepare_group(hierarchy, parent, group)) make_directories(hierarchy, path);
}

// Whoever removes the last group below a parent removes the parent as well, which may be in the midst of this.
void make_group(const CgroupHierarchy& hierarchy, const std::string& path) {
  for (int attempt = 1;; ++attempt) {
    try {
      return make_group_once(hierarchy, path);
    } catch (const Error& e) {
      if ((e.code() != ENOENT && e.code() != ENODEV) || attempt == attempts_to_make) throw;
    }
  }
}

void limit_devices(const std::string& path, const std::vector<DeviceRule>& rules) {
  const auto& layout = cgroup_layout();
  if (const auto* hierarchy = layout.with("devices")) return limit_devices_v1(hierarchy->directory(path), rules);
  for (const auto& hierarchy : layout.hierarchies)
    if (hierarchy.unified) return limit_devices_v2(hierarchy.directory(path), rules);
  throw Error("this machine cannot limit the use of devices");
}

// --- stopping --------------------------------------------------------------------------------

void read_processes(const std::string& directory, std::set<pid_t>& pids) {
  const auto text = try_read_file(directory + "/cgroup.procs");
  if (!text) return;
  for (const auto& line : base::split(*text, '\n'))
    if (const auto pid = base::parse_number(line, INT32_MAX); pid && *pid > 0) pids.insert(static_cast<pid_t>(*pid));
}

const CgroupHierarchy* unified_hierarchy() {
  for (const auto& hierarchy : cgroup_layout().hierarchies)
    if (hierarchy.unified) return &hierarchy;
  return nullptr;
}

void pause_ms(int milliseconds) {
  const timespec span{0, milliseconds * 1'000'000L};
  nanosleep(&span, nullptr);
}

// Version 1 tells no one when a group is frozen, and goes on freezing only when it is told again.
void freeze_v1(const std::string& directory, bool frozen) {
  const std::string file = directory + "/freezer.state";
  const std::string wanted = frozen ? "FROZEN" : "THAWED";
  for (int waited = 0; waited < freeze_patience; ++waited) {
    write_kernel_file(file, wanted);
    if (base::trim(read_file(file)) == wanted) return;
    pause_ms(1);
  }
  write_kernel_file(file, "THAWED");
  throw Error("a process does not freeze");
}

void freeze_v2(const std::string& directory, bool frozen) {
  const Fd events = open_file(directory + "/cgroup.events", O_RDONLY);
  write_kernel_file(directory + "/cgroup.freeze", frozen ? "1" : "0");
  if (!frozen) return;
  for (;;) {
    if (lseek(events.get(), 0, SEEK_SET) != 0) throw Error::from_errno("cannot read cgroup.events");
    if (read_all(events.get()).find("frozen 1") != std::string::npos) return;
    pollfd entry{events.get(), POLLPRI, 0};
    const int ready = poll(&entry, 1, freeze_patience);
    if (ready == 0) break;
    if (ready < 0 && errno != EINTR) throw Error::from_errno("cannot wait for a group to freeze");
  }
  write_kernel_file(directory + "/cgroup.freeze", "0");
  throw Error("a process does not freeze");
}

}  // namespace

Cgroup Cgroup::create(const std::string& path, const CgroupLimits& limits, const std::vector<DeviceRule>& devices) {
  const base::Context context("control group " + path);
  Cgroup group(path);
  try {
    for (const auto& hierarchy : cgroup_layout().hierarchies) make_group(hierarchy, path);
    group.update(limits);
    if (const auto* unified = unified_hierarchy(); unified != nullptr && unified->has("memory")) {
      // Out of memory ends the whole group, not one of its processes at random.
      const std::string file = unified->directory(path) + "/memory.oom.group";
      if (exists(file)) write_kernel_file(file, "1");
    }
    limit_devices(path, devices);
  } catch (...) {
    group.remove();
    throw;
  }
  return group;
}

std::vector<std::string> Cgroup::directories() const {
  std::vector<std::string> list;
  for (const auto& hierarchy : cgroup_layout().hierarchies)
    if (exists(hierarchy.directory(path_))) list.push_back(hierarchy.directory(path_));
  return list;
}

std::vector<std::string> Cgroup::join_files() const {
  std::vector<std::string> list;
  for (const auto& hierarchy : cgroup_layout().hierarchies)
    list.push_back(hierarchy.directory(path_) + (hierarchy.unified ? "/cgroup.procs" : "/tasks"));
  std::erase_if(list, [](const std::string& file) { return !exists(file); });
  return list;
}

std::vector<pid_t> Cgroup::processes() const {
  // A process that is just being put in place is in some hierarchies only.
  std::set<pid_t> pids;
  for (const auto& hierarchy : cgroup_layout().hierarchies)
    each_group(hierarchy.directory(path_), [&](const std::string& group) { read_processes(group, pids); });
  return {pids.begin(), pids.end()};
}

void Cgroup::kill() const {
  const auto* unified = unified_hierarchy();
  if (unified != nullptr && exists(unified->directory(path_) + "/cgroup.kill"))
    write_kernel_file(unified->directory(path_) + "/cgroup.kill", "1");
  if (cgroup_layout().v2_only() && exists(unified->directory(path_) + "/cgroup.kill")) return;

  const auto* freezer = cgroup_layout().with("freezer");
  const std::string state = freezer != nullptr ? freezer->directory(path_) + "/freezer.state" : "";
  const bool freezes = !state.empty() && exists(state);
  std::set<pid_t> signalled;
  const auto is_new = [&signalled](pid_t pid) { return !signalled.contains(pid); };
  // While they are frozen they cannot fork; what was forked before is found in the next round.
  for (auto pids = processes(); std::any_of(pids.begin(), pids.end(), is_new); pids = processes()) {
    if (freezes) write_kernel_file(state, "FROZEN");
    for (const pid_t pid : processes()) {
      signalled.insert(pid);
      ::kill(pid, SIGKILL);
    }
    if (freezes) write_kernel_file(state, "THAWED");
  }
}

void Cgroup::freeze(bool frozen) const {
  if (const auto* freezer = cgroup_layout().with("freezer")) return freeze_v1(freezer->directory(path_), frozen);
  const auto* unified = unified_hierarchy();
  if (unified == nullptr) throw Error("this machine cannot freeze processes");
  freeze_v2(unified->directory(path_), frozen);
}

bool Cgroup::remove() const {
  bool gone = true;
  for (const auto& hierarchy : cgroup_layout().hierarchies) {
    const std::string directory = hierarchy.directory(path_);
    if (remove_cgroup_directory(directory)) continue;
    each_group(directory, [](const std::string& group) { rmdir(group.c_str()); });
    gone = remove_cgroup_directory(directory) && gone;
  }
  return gone;
}

bool remove_cgroup_directory(const std::string& directory) {
  if (rmdir(directory.c_str()) != 0 && errno != ENOENT) return false;
  rmdir(directory.substr(0, directory.rfind('/')).c_str());  // refused while others are there, and at the top
  return true;
}

bool cgroup_v2_only() { return cgroup_layout().v2_only(); }

std::vector<std::string> list_cgroups(const std::string& path) {
  std::vector<std::string> list;
  for (const auto& hierarchy : cgroup_layout().hierarchies) {
    const std::string directory = hierarchy.directory(path);
    if (exists(directory)) list.push_back(directory);
    for (auto& below : subdirectories(directory)) list.push_back(std::move(below));
  }
  std::sort(list.begin(), list.end());
  return list;
}

}  // namespace conductor::linux
