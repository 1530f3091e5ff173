#include "linux/cgroup_layout.hpp"

#include "base/text.hpp"
#include "linux/fd.hpp"
#include "linux/mount.hpp"

#include <algorithm>

namespace conductor::linux {
namespace {

// With "devices" and "freezer", which version 2 has in other forms, in every group.
const std::vector<std::string> wanted_v1 = {"memory", "cpu",   "cpuacct", "cpuset",
                                            "pids",   "blkio", "devices", "freezer"};
const std::vector<std::string> wanted_v2 = {"memory", "cpu", "cpuset", "pids", "io"};

std::vector<std::string> wanted_of(const std::vector<std::string>& names, const std::vector<std::string>& wanted) {
  std::vector<std::string> found;
  for (const auto& name : names)
    if (std::find(wanted.begin(), wanted.end(), name) != wanted.end()) found.push_back(name);
  return found;
}

CgroupLayout& current() {
  static CgroupLayout layout = find_cgroup_layout();
  return layout;
}

}  // namespace

bool CgroupHierarchy::has(const std::string& controller) const {
  return std::find(controllers.begin(), controllers.end(), controller) != controllers.end();
}

const CgroupHierarchy* CgroupLayout::with(const std::string& controller) const {
  for (const auto& hierarchy : hierarchies)
    if (hierarchy.has(controller)) return &hierarchy;
  return nullptr;
}

CgroupLayout find_cgroup_layout(const std::string& mountinfo) {
  CgroupLayout layout;
  std::string unified;
  for (const auto& entry : list_mounts(mountinfo)) {
    if (entry.type == "cgroup2" && unified.empty()) unified = entry.point;
    if (entry.type != "cgroup") continue;
    auto controllers = wanted_of(base::split(entry.super_options, ','), wanted_v1);
    const bool seen = !controllers.empty() && layout.with(controllers[0]) != nullptr;  // mounted twice
    if (!controllers.empty() && !seen) layout.hierarchies.push_back({entry.point, false, std::move(controllers)});
  }
  if (unified.empty()) return layout;
  // A controller belongs to one version at a time. Beside version 1 the unified hierarchy is left alone unless it has
  // one.
  const auto text = try_read_file(unified + "/cgroup.controllers").value_or("");
  auto controllers = wanted_of(base::split(base::trim(text), ' '), wanted_v2);
  if (layout.hierarchies.empty() || !controllers.empty())
    layout.hierarchies.push_back({unified, true, std::move(controllers)});
  return layout;
}

const CgroupLayout& cgroup_layout() { return current(); }
void use_cgroup_layout(CgroupLayout layout) { current() = std::move(layout); }

}  // namespace conductor::linux
