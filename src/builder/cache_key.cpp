#include "builder/cache_key.hpp"

#include "base/sha256.hpp"

#include <sys/sysmacros.h>

namespace conductor::builder {
namespace {

constexpr std::string_view version = "conductor build step 1";  // raised when a step comes to mean something else

class Key {
 public:
  Key(std::string_view kind, const std::string& chain) { hash_.field(version).field(kind).field(chain); }

  Key& add(std::string_view name, std::string_view value) {
    hash_.field(name).field(value);
    return *this;
  }
  Key& add(std::string_view name, std::uint64_t value) { return add(name, std::to_string(value)); }
  Key& add(std::string_view name, const std::vector<std::string>& values) {
    add(name, values.size());
    for (const auto& value : values) hash_.field(value);
    return *this;
  }
  std::string hex() { return hash_.hex(); }

 private:
  base::Sha256 hash_;
};

void add_instruction(Key& key, const CopyStep& step) {
  key.add("sources", step.sources).add("destination", step.destination).add("chown", step.chown);
  key.add("chmod", step.chmod ? std::to_string(*step.chmod) : "");
  for (const auto& file : step.inline_files) key.add("inline", file.name).add("content", file.content);
}

void add_file(Key& key, const CopyStep& step, const InputFile& file) {
  const mode_t type = file.status.st_mode & S_IFMT;
  key.add("file", file.target).add("type", type).add("content", file.content);
  if (!step.chmod && type != S_IFLNK) key.add("mode", file.status.st_mode & 07777U);
  if (type == S_IFCHR || type == S_IFBLK) key.add("device", file.status.st_rdev);
  // Files of a stage or an image keep their owner; those of the context belong to root.
  if (step.chown.empty() && step.from.kind != Origin::Kind::context)
    key.add("user", file.status.st_uid).add("group", file.status.st_gid);
}

}  // namespace

std::string chain_of_image(const std::string& image_id) { return Key("image", image_id).hex(); }

std::string chain_with_layer(const std::string& chain, const std::string& layer) {
  return Key("layer", chain).add("layer", layer).hex();
}

std::string key_of(const RunStep& step, const std::string& chain) {
  Key key("RUN", chain);
  key.add("arguments", step.arguments).add("script", step.script).add("environment", step.environment);
  key.add("user", step.user).add("directory", step.working_directory);
  return key.add("network", static_cast<std::uint64_t>(step.network)).hex();
}

std::string key_of(const WorkdirStep& step, const std::string& chain) {
  return Key("WORKDIR", chain).add("path", step.path).hex();
}

std::string key_of(const CopyStep& step, const std::string& chain, const std::vector<std::vector<Selected>>& selected) {
  Key key("COPY", chain);
  add_instruction(key, step);
  for (const auto& source : selected) {
    key.add("source", source.size());
    for (const auto& one : source) {
      key.add("directory", one.directory ? 1U : 0U).add("files", one.files.size());
      for (const auto& file : one.files) add_file(key, step, file);
    }
  }
  return key.hex();
}

std::string key_of(const CopyStep& step, const std::string& chain, const std::string& source_chain) {
  Key key("COPY from", chain);
  add_instruction(key, step);
  return key.add("origin", source_chain).hex();
}

}  // namespace conductor::builder
