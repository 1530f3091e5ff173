#include "builder/run_mounts.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "builder/cache_key.hpp"
#include "builder/layer_tree.hpp"
#include "builder/run_mounts_view.hpp"
#include "linux/mount.hpp"
#include "volume/copy_tree.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>

namespace conductor::builder {
namespace {

using base::Error;
using engine::BuildMount;
using parser::MountType;
using parser::RunMount;

constexpr std::size_t max_secret = 500U << 10U;  // bytes, as the reference has it
constexpr const char* default_agent = "default";

// A pattern that names just this.
std::string literal_pattern(const std::string& path) {
  std::string pattern;
  for (const char c : path) {
    if (c == '*' || c == '?' || c == '[' || c == '\\') pattern += '\\';
    pattern += c;
  }
  return pattern;
}

Selected select_one(const std::string& path, const linux::RootFd& root, const parser::IgnoreRules& rules) {
  auto selected = select_files(root, rules, path.empty() ? "." : literal_pattern(path));
  if (selected.size() != 1) throw Error("there is no " + base::escape_control(path) + " in the context");
  return std::move(selected.front());
}

std::string without_slashes(const std::string& path) {
  const auto begin = path.find_first_not_of('/');
  if (begin == std::string::npos || path == ".") return {};
  return path.substr(begin, path.find_last_not_of('/') + 1 - begin);
}

std::string last_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

// Of `given`, the one of that id; nothing when there is none.
template <class Source>
const Source* find_source(const std::vector<Source>& given, const std::string& id) {
  const auto found = std::find_if(given.begin(), given.end(), [&](const Source& source) { return source.id == id; });
  return found == given.end() ? nullptr : &*found;
}

std::string secret_variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) throw Error("the environment has no variable " + base::escape_control(name));
  return value;
}

// Named by its id alone it is that variable of ours, else that file.
std::string read_secret(const SecretSource& source) {
  const base::Context context("secret " + base::escape_control(source.id));
  std::string bytes;
  if (!source.environment.empty())
    bytes = secret_variable(source.environment);
  else if (source.file.empty() && std::getenv(source.id.c_str()) != nullptr)
    bytes = secret_variable(source.id);
  else
    bytes = linux::read_file(source.file.empty() ? source.id : source.file, max_secret);
  if (bytes.size() > max_secret) throw Error("it is larger than 500 KiB");
  return bytes;
}

linux::Fd open_agent(const SshSource& source) {
  const base::Context context("ssh agent " + base::escape_control(source.id));
  std::string path = source.socket;
  if (path.empty()) {
    const char* ours = std::getenv("SSH_AUTH_SOCK");
    if (ours == nullptr || *ours == '\0')
      throw Error("no agent is running: SSH_AUTH_SOCK is not set").with_hint("start one: eval $(ssh-agent); ssh-add");
    path = ours;
  }
  linux::Fd socket = linux::open_file(path, O_PATH);
  struct stat found{};
  if (fstat(socket.get(), &found) != 0) throw Error::from_errno("cannot look at " + path);
  if (!S_ISSOCK(found.st_mode))
    throw Error(base::escape_control(path) + " is no agent's socket; keys themselves are not taken from files")
        .with_hint("give the key to an agent: eval $(ssh-agent); ssh-add " + base::escape_control(path));
  return socket;
}

// What is at the path of a source, as an open directory.
linux::Fd open_directory(const MountSource& source) {
  constexpr int flags = O_RDONLY | O_DIRECTORY;
  if (source.kind == MountSource::Kind::layers) return open_layers(source.lower).open(source.path, flags);
  return source.root->open(source.selected.files.front().path, flags | O_NOFOLLOW);
}

}  // namespace

// --- sources
// ------------------------------------------------------------------------------------------------------------

MountSource source_in_tree(const std::string& path, const linux::RootFd& root, const parser::IgnoreRules& rules,
                           ContentHashes& hashes) {
  MountSource source;
  source.kind = MountSource::Kind::tree;
  source.path = without_slashes(path);
  source.root = &root;
  source.rules = &rules;
  source.hashes = &hashes;
  std::vector<Selected> selected{select_one(source.path, root, rules)};
  hashes.fill(root, selected);
  source.key = key_of_files(selected);
  source.selected = std::move(selected.front());
  return source;
}

MountSource source_in_layers(const std::string& path, std::vector<std::string> lower, const std::string& chain) {
  MountSource source;
  source.kind = MountSource::Kind::layers;
  source.path = without_slashes(path);
  source.key = chain;
  source.lower = std::move(lower);
  return source;
}

std::string content_key(const MountSource& source) {
  const linux::RootFd root = open_layers(source.lower);
  ContentHashes hashes{{}};
  return source_in_tree(source.path, root, {}, hashes).key;
}

bool has_changed(const MountSource& source) {
  if (source.kind != MountSource::Kind::tree) return false;
  try {
    return source_in_tree(source.path, *source.root, *source.rules, *source.hashes).key != source.key;
  } catch (const Error&) {
    return true;  // it is not there any more
  }
}

// --- mounts
// -------------------------------------------------------------------------------------------------------------

RunMounts::RunMounts(const store::Locations& locations, const RunStep& step, const std::vector<MountSource>& sources,
                     const MountSupplies& supplies)
    : locations_(locations), supplies_(supplies) {
  for (std::size_t i = 0; i < step.mounts.size(); ++i) {
    const RunMount& mount = step.mounts[i];
    switch (mount.type) {
      case MountType::bind:
        add_bind(mount, sources.at(i));
        break;
      case MountType::cache:
        add_cache(mount, sources.at(i));
        break;
      case MountType::tmpfs:
        add_tmpfs(mount);
        break;
      case MountType::secret:
        add_secret(mount);
        break;
      case MountType::ssh:
        add_agent(mount);
        break;
    }
  }
  if (!step.script.empty()) add_content(step.arguments.at(0), step.script, {}, 0755);
}

BuildMount& RunMounts::add(BuildMount::Kind kind, const std::string& target, linux::Fd source) {
  BuildMount& mount = mounts_.emplace_back();
  mount.kind = kind;
  mount.target = target;
  if (!source) return mount;
  mount.source = source.get();
  descriptors_.push_back(std::move(source));
  return mount;
}

void RunMounts::add_bind(const RunMount& mount, const MountSource& source) {
  const auto kind = mount.read_only ? BuildMount::Kind::bind : BuildMount::Kind::overlay;
  if (source.kind == MountSource::Kind::layers) {
    auto& made = add(kind, mount.target, linux::new_overlay({source.lower, {}, {}}));
    made.inside = source.path;
    made.read_only = mount.read_only;
    return;
  }
  const std::string& path = source.selected.files.front().path;
  // What is written to a file goes to an overlay on the directory it is in, of which nothing else is shown.
  const bool file_below = !source.selected.directory && !mount.read_only;
  const linux::Fd found = source.root->open(file_below ? parent_of(path) : path, O_PATH | O_NOFOLLOW);
  auto& made = add(kind, mount.target, linux::clone_tree(found.get(), true));
  made.read_only = mount.read_only;
  if (file_below) made.inside = last_name(path);
  if (!source.selected.directory || source.rules->empty()) return;
  trees_.emplace_back(locations_.temporary());
  if (hide_unselected(*source.root, source.selected, trees_.back().path())) made.above = {trees_.back().path()};
}

void RunMounts::add_cache(const RunMount& mount, const MountSource& source) {
  const base::Context context("cache mount on " + mount.target);
  if (!mount.source.empty() && mount.from.empty()) throw Error("source= needs from=");
  cache_mounts::Identity identity;
  identity.id = mount.id.empty() ? mount.target : mount.id;
  if (source.kind != MountSource::Kind::none) identity.content = source.key + "/" + source.path;
  identity.uid = mount.uid.value_or(0);
  identity.gid = mount.gid.value_or(0);
  identity.mode = mount.mode.value_or(0755);
  const auto fill = [&](const linux::Fd& directory) {
    if (source.kind != MountSource::Kind::none) volume::copy_tree(open_directory(source), directory);
  };
  const auto& use = caches_.emplace_back(locations_, identity, mount.sharing, fill, supplies_.cancellation);
  const linux::Fd data = linux::open_file(use.directory(), O_PATH | O_DIRECTORY | O_NOFOLLOW);
  add(BuildMount::Kind::bind, mount.target, linux::clone_tree(data.get(), false)).read_only = mount.read_only;
}

void RunMounts::add_tmpfs(const RunMount& mount) {
  auto& made = add(BuildMount::Kind::tmpfs, mount.target, {});
  made.size = mount.size.value_or(0);
  made.read_only = mount.read_only;
}

void RunMounts::add_content(const std::string& target, std::string_view bytes, const RunMount& mount, unsigned mode) {
  auto& made = add(BuildMount::Kind::content, target, linux::make_memory_file("conductor-build", bytes));
  made.uid = mount.uid.value_or(0);
  made.gid = mount.gid.value_or(0);
  made.mode = mount.mode.value_or(mode);
}

// With a variable and no target it is in the variable alone.
void RunMounts::add_secret(const RunMount& mount) {
  std::string id = mount.id.empty() ? mount.source : mount.id;
  if (id.empty()) id = last_name(mount.target);
  if (id.empty()) throw Error("a secret mount names no secret").with_hint("write id=NAME");
  const auto* given = find_source(supplies_.secrets, id);
  if (given == nullptr) {
    if (!mount.required) return;
    throw Error("the secret " + base::escape_control(id) + " is required and was not given")
        .with_hint("give it with --secret id=" + base::escape_control(id) + ",src=FILE");
  }
  const std::string bytes = read_secret(*given);
  if (!mount.environment.empty()) {
    if (bytes.find('\0') != std::string::npos)
      throw Error("the secret " + base::escape_control(id) + " has a zero byte: it cannot be a variable");
    secrets_.push_back(mount.environment + "=" + bytes);
  }
  if (!mount.target.empty())
    add_content(mount.target, bytes, mount, 0400);
  else if (mount.environment.empty())
    add_content("/run/secrets/" + last_name(id), bytes, mount, 0400);
}

void RunMounts::add_agent(const RunMount& mount) {
  const std::string id = mount.id.empty() ? default_agent : mount.id;
  const std::string target =
      mount.target.empty() ? "/run/buildkit/ssh_agent." + std::to_string(agents_.size()) : mount.target;
  const auto* given = find_source(supplies_.ssh, id);
  if (given == nullptr) {
    if (!mount.required) return;
    throw Error("the ssh agent " + base::escape_control(id) + " is required and was not given")
        .with_hint("give it with --ssh " + base::escape_control(id));
  }
  trees_.emplace_back(locations_.temporary());
  const AgentProxy::Access access{mount.uid.value_or(0), mount.gid.value_or(0), mount.mode.value_or(0600)};
  const auto& agent = agents_.emplace_back(open_agent(*given), trees_.back().path(), access);
  add(BuildMount::Kind::bind, target, linux::clone_tree(agent.socket().get(), false));
  if (agents_.size() == 1) environment_.push_back("SSH_AUTH_SOCK=" + target);
}

}  // namespace conductor::builder
