#include "builder/cache_key.hpp"

#include "builder/key.hpp"

#include <sys/sysmacros.h>

namespace conductor::builder {
namespace {

template <class T>
std::string text_of(const std::optional<T>& value) {
  return value ? std::to_string(*value) : "";
}

void add_mount(Key& key, const parser::RunMount& mount) {
  key.add("mount", static_cast<std::uint64_t>(mount.type)).add("target", mount.target).add("id", mount.id);
  key.add("source", mount.source).add("from", mount.from).add("environment", mount.environment);
  key.add("read only", mount.read_only ? 1U : 0U).add("required", mount.required ? 1U : 0U);
  key.add("sharing", static_cast<std::uint64_t>(mount.sharing)).add("uid", text_of(mount.uid));
  key.add("gid", text_of(mount.gid)).add("mode", text_of(mount.mode)).add("size", text_of(mount.size));
}

}  // namespace

std::string chain_of_image(const std::string& image_id, std::optional<std::int64_t> newest) {
  Key key("image", image_id);
  if (newest) key.add("newest", std::to_string(*newest));
  return key.hex();
}

std::string chain_with_layer(const std::string& chain, const std::string& layer) {
  return Key("layer", chain).add("layer", layer).hex();
}

std::string key_of(const RunStep& step, const std::string& chain, const std::vector<std::string>& mounted) {
  Key key("RUN", chain);
  key.add("arguments", step.arguments).add("script", step.script).add("environment", step.environment);
  key.add("user", step.user).add("directory", step.working_directory);
  key.add("network", static_cast<std::uint64_t>(step.network)).add("security", step.security);
  key.add("hosts", step.add_hosts).add("mounts", step.mounts.size());
  for (const auto& mount : step.mounts) add_mount(key, mount);
  return key.add("mounted", mounted).hex();
}

std::string key_of_files(const std::vector<Selected>& selected) {
  Key key("files", "");
  for (const auto& one : selected) {
    key.add("directory", one.directory ? 1U : 0U).add("files", one.files.size());
    for (const auto& file : one.files) {
      key.add("file", file.target).add("content", file.content).add("mode", file.status.st_mode);
      key.add("user", file.status.st_uid).add("group", file.status.st_gid);
      if (S_ISCHR(file.status.st_mode) || S_ISBLK(file.status.st_mode)) key.add("device", file.status.st_rdev);
    }
  }
  return key.hex();
}

std::string key_of(const WorkdirStep& step, const std::string& chain) {
  return Key("WORKDIR", chain).add("path", step.path).add("user", step.user).hex();
}

}  // namespace conductor::builder
