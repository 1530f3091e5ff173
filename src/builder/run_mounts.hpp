// The mounts of a RUN: from what the file says to what the engine mounts.
#pragma once

#include "builder/cache_mounts.hpp"
#include "builder/content_hashes.hpp"
#include "builder/run_mounts_agent.hpp"
#include "builder/selection.hpp"
#include "builder/steps.hpp"
#include "engine/engine.hpp"
#include "linux/root_fd.hpp"
#include "store/records.hpp"

#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace conductor::builder {

// What a bind shows, or a cache holds at first; nothing for the other types.
struct MountSource {
  enum class Kind { none, tree, layers } kind = Kind::none;
  std::string path;  // in it; empty: all of it
  std::string key;   // what it holds: for the key of the step

  // tree: a directory of this machine, the context perhaps. Whatever the rules ignore is not there.
  const linux::RootFd* root = nullptr;
  const parser::IgnoreRules* rules = nullptr;
  ContentHashes* hashes = nullptr;
  Selected selected;

  std::vector<std::string> lower;  // layers: topmost first
};
// Throw Error for a source that is not there.
MountSource source_in_tree(const std::string& path, const linux::RootFd& root, const parser::IgnoreRules& rules,
                           ContentHashes& hashes);
MountSource source_in_layers(const std::string& path, std::vector<std::string> lower, const std::string& chain);
// The key of a source in layers by what is at its path: equal for other layers that show the same there.
std::string content_key(const MountSource& source);

// What a RUN's mounts are made of besides their sources; all may be null or empty.
struct MountSupplies {
  std::vector<SecretSource> secrets;
  std::vector<SshSource> ssh;
  const linux::Cancellation* cancellation = nullptr;
};

// The mounts of one step while it runs, its script among them: caches are held, secrets are in memory.
class RunMounts {
 public:
  // `sources` has one for each mount of the step and outlives this. Waits for a locked cache. Throws Error for a secret
  // or an agent that is required and not given, and for one that is given and cannot be read.
  RunMounts(const store::Locations& locations, const RunStep& step, const std::vector<MountSource>& sources,
            const MountSupplies& supplies);
  RunMounts(const RunMounts&) = delete;
  RunMounts& operator=(const RunMounts&) = delete;

  const std::vector<engine::BuildMount>& mounts() const { return mounts_; }
  // Of the process alone: SSH_AUTH_SOCK, and secrets that are asked for as variables.
  const std::vector<std::string>& environment() const { return environment_; }
  const std::vector<std::string>& secrets() const { return secrets_; }

 private:
  void add_bind(const parser::RunMount& mount, const MountSource& source);
  void add_cache(const parser::RunMount& mount, const MountSource& source);
  void add_tmpfs(const parser::RunMount& mount);
  void add_secret(const parser::RunMount& mount);
  void add_agent(const parser::RunMount& mount);
  void add_script(const RunStep& step);
  void add_content(const std::string& target, std::string_view bytes, const parser::RunMount& mount, unsigned mode);
  engine::BuildMount& add(engine::BuildMount::Kind kind, const std::string& target, linux::Fd source);

  const store::Locations& locations_;
  const MountSupplies& supplies_;
  std::vector<engine::BuildMount> mounts_;
  std::vector<std::string> environment_, secrets_;
  std::vector<linux::Fd> descriptors_;
  std::deque<store::TemporaryTree> trees_;
  std::deque<AgentProxy> agents_;
  std::deque<cache_mounts::Use> caches_;
};

// True when files of the machine that the step has seen are not any more what its key says.
bool has_changed(const MountSource& source);

}  // namespace conductor::builder
