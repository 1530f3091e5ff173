#include "builder/context.hpp"

#include "base/error.hpp"
#include "base/text.hpp"

#include <fcntl.h>

#include <array>
#include <filesystem>

namespace conductor::builder {
namespace {

constexpr std::size_t file_limit = 16U << 20U;
constexpr std::array default_names{"Conductorfile", "Dockerfile"};
constexpr std::array ignore_names{".conductorignore", ".dockerignore"};

// Below the context as the user named it: "Conductorfile" when he stands in it.
std::string shown_name(const std::string& directory, const std::string& name) {
  if (directory.empty() || directory == "." || directory == "./") return name;
  return directory.ends_with('/') ? directory + name : directory + "/" + name;
}

SourceFile read_default(const BuildContext& context, const std::string& directory) {
  for (const std::string name : default_names)
    if (auto text = context.root.read_file(name, file_limit)) return {shown_name(directory, name), std::move(*text)};
  throw base::Error("there is no Conductorfile and no Dockerfile in " + base::escape_control(directory))
      .with_hint("name the file with -f");
}

SourceFile read_named(const std::string& path) {
  auto text = linux::try_read_file(path, file_limit);
  if (!text) throw base::Error("there is no file " + base::escape_control(path));
  return {path, std::move(*text)};
}

void read_rules(BuildContext& context, const std::string& directory, bool default_file) {
  const std::string beside = context.file.name + ".dockerignore";
  auto text = default_file ? context.root.read_file(std::filesystem::path(beside).filename().string(), file_limit)
                           : linux::try_read_file(beside, file_limit);
  if (text) context.ignore_file = beside;
  for (const std::string name : ignore_names) {
    if (text) break;
    text = context.root.read_file(name, file_limit);
    if (text) context.ignore_file = shown_name(directory, name);
  }
  if (text) context.ignore = parser::IgnoreRules::parse(*text);
}

}  // namespace

BuildContext open_context(const std::string& directory, const std::string& file) {
  std::error_code failed;
  const auto resolved = std::filesystem::canonical(directory, failed);
  if (failed) throw base::Error("there is no build context " + base::escape_control(directory), failed.value());
  if (!std::filesystem::is_directory(resolved))
    throw base::Error("the build context " + base::escape_control(directory) + " is not a directory");
  BuildContext context{resolved.string(), linux::RootFd::open(resolved.string()), {}, {}, {}};
  context.file = file.empty() ? read_default(context, directory) : read_named(file);
  read_rules(context, directory, file.empty());
  return context;
}

}  // namespace conductor::builder
