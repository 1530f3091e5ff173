#include "builder/parsing.hpp"

#include "base/error.hpp"
#include "base/text.hpp"

#include <filesystem>
#include <map>

namespace conductor::builder {
namespace {

constexpr std::size_t file_limit = 16U << 20U;

std::string join_path(const std::string& directory, const std::string& path) {
  return directory.empty() || path.starts_with('/') ? path : directory + "/" + path;
}

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

// Files below one root by the names they have in messages.
class Includes {
 public:
  explicit Includes(const BuildContext& context) : root_(&context.root) {
    std::error_code failed;
    const std::string place = std::filesystem::canonical(context.file.name, failed).string();
    const std::string inside = context.path == "/" ? "/" : context.path + "/";
    std::string path = std::filesystem::path(context.file.name).filename().string();
    if (!failed && place.starts_with(inside)) path = place.substr(inside.size());
    if (!failed && !place.starts_with(inside) && std::filesystem::is_regular_file(place, failed))
      root_ = &elsewhere_.emplace(linux::RootFd::open(directory_of(place) + "/"));
    paths_[context.file.name] = path;
  }

  parser::SourceText read(const std::string& path, const std::string& including) {
    const std::string below = join_path(directory_of(paths_[including]), path);
    const std::string name = path.starts_with('/') ? path : join_path(directory_of(including), path);
    auto text = root_->read_file(below, file_limit);
    if (!text) throw base::Error("there is no file " + base::escape_control(name) + " to include");
    paths_[name] = below;
    return {name, std::move(*text)};
  }

 private:
  const linux::RootFd* root_;
  std::optional<linux::RootFd> elsewhere_;
  std::map<std::string, std::string> paths_;
};

}  // namespace

parser::Conductorfile parse_file(const BuildContext& context, bool strict) {
  Includes includes(context);
  parser::ParseOptions options;
  options.strict = strict;
  options.include = [&](const std::string& path, const std::string& including) {
    return includes.read(path, including);
  };
  return parser::parse_conductorfile(context.file.text, context.file.name, options);
}

}  // namespace conductor::builder
