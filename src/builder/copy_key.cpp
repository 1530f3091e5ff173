// The keys of COPY and ADD.
#include "builder/cache_key.hpp"
#include "builder/key.hpp"

#include <sys/sysmacros.h>

namespace conductor::builder {
namespace {

// Which files they are is what follows, or the origin: how the sources name them matters for neither.
void add_instruction(Key& key, const CopyStep& step) {
  key.add("destination", step.destination).add("chown", step.chown);
  key.add("chmod", step.chmod ? step.chmod->text() : "").add("link", step.link ? 1U : 0U);
  for (const auto& file : step.inline_files) key.add("inline", file.name).add("content", file.content);
  if (!step.add) return;
  key.add("unpack", step.unpack ? (*step.unpack ? "yes" : "no") : "local").add("exclude", step.exclude);
  key.add(".git", step.keep_git.value_or(false) ? 1U : 0U);
}

// The destination itself is no copy of a source directory: neither its mode nor its owner counts.
void add_file(Key& key, const CopyStep& step, const InputFile& file) {
  const mode_t type = file.status.st_mode & S_IFMT;
  key.add("file", file.target);
  if (file.target.empty()) return;
  key.add("type", type).add("content", file.content);
  const bool directory = type == S_IFDIR;
  if (type != S_IFLNK)
    key.add("mode", step.chmod ? step.chmod->apply(file.status.st_mode, directory) : file.status.st_mode & 07777U);
  if (type == S_IFCHR || type == S_IFBLK) key.add("device", file.status.st_rdev);
  if (keeps_owner(step)) key.add("user", file.status.st_uid).add("group", file.status.st_gid);
}

}  // namespace

bool keeps_owner(const CopyStep& step) {
  return step.chown.empty() && (step.from.kind == Origin::Kind::stage || step.from.kind == Origin::Kind::image);
}

std::string key_of(const CopyStep& step, const std::string& chain, const std::vector<std::vector<Selected>>& selected,
                   const std::vector<std::string>& remote) {
  Key key("COPY", chain);
  add_instruction(key, step);
  for (const auto& source : selected) {
    key.add("source", source.size());
    for (const auto& one : source) {
      key.add("directory", one.directory ? 1U : 0U).add("files", one.files.size());
      for (const auto& file : one.files) add_file(key, step, file);
    }
  }
  return key.add("remote", remote).hex();
}

std::string key_of(const CopyStep& step, const std::string& chain, const std::string& source_chain) {
  Key key("COPY from", chain);
  add_instruction(key, step);
  key.add("sources", step.sources).add("exclude", step.exclude).add("parents", step.parents ? 1U : 0U);
  return key.add("origin", source_chain).hex();
}

}  // namespace conductor::builder
