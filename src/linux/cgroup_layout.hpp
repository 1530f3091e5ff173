// Which cgroup hierarchies this machine has and which of them we use; the rest of cgroup*.cpp asks here.
#pragma once

#include <string>
#include <vector>

namespace conductor::linux {

struct CgroupHierarchy {
  std::string root;                      // where it is mounted
  bool unified = false;                  // version 2
  std::vector<std::string> controllers;  // those of it we use

  bool has(const std::string& controller) const;
  std::string directory(const std::string& path) const { return root + "/" + path; }
};

struct CgroupLayout {
  std::vector<CgroupHierarchy>
      hierarchies;  // that carry a controller we use; version 2 alone carries also freeze and kill

  bool v2_only() const { return hierarchies.size() == 1 && hierarchies[0].unified; }
  // The hierarchy that carries it, or nullptr.
  const CgroupHierarchy* with(const std::string& controller) const;
};

// Found in the mounts when first asked for.
const CgroupLayout& cgroup_layout();
CgroupLayout find_cgroup_layout(const std::string& mountinfo = "/proc/self/mountinfo");
// Another layout from now on. For tests.
void use_cgroup_layout(CgroupLayout layout);

}  // namespace conductor::linux
