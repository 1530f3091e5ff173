// Giving up rights, step by step; none can be taken back.
#pragma once

#include "linux/capabilities.hpp"
#include "linux/fd.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace conductor::transfer::program {

// SIGKILL when the one who started us ends (PR_SET_PDEATHSIG), no dumps, no tracers. Again after a change of user,
// which clears all three.
void end_with_parent();

struct Limits {
  std::uint64_t file_size = 0;      // bytes; 0: no limit
  std::uint64_t address_space = 0;  // bytes; 0: no limit
  std::uint64_t seconds = 0;        // of processor time; 0: no limit
};
void set_limits(const Limits& limits);

// Namespaces of our own (CLONE_NEW* flags); mounts do not propagate. Then the tree, a detached mount, is all there is.
void enter_namespaces(int flags);
void enter_root(const linux::Fd& tree);
// A read-only file system in memory with these files: absolute path, content.
linux::Fd make_small_root(const std::vector<std::pair<std::string, std::string>>& files);

// Nobody (65534), without groups and capabilities.
void become_nobody();
// Root with these capabilities alone.
void keep_capabilities(linux::CapabilitySet set);
// no_new_privs, then the filter (see filter.hpp).
void install(const std::string& filter);

}  // namespace conductor::transfer::program
