#include "builder/context.hpp"

#include "base/error.hpp"
#include "base/text.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace conductor::builder {
namespace {

using base::Error;

constexpr std::size_t file_limit = 2U << 20U;
constexpr std::size_t ignore_limit = 1U << 20U;
constexpr std::array default_names{"Conductorfile", "Dockerfile", "dockerfile"};
constexpr std::array ignore_names{".conductorignore", ".dockerignore"};
constexpr const char* input_name = "-";

// Below the context as the user named it: "Conductorfile" when he stands in it.
std::string shown_name(const std::string& directory, const std::string& name) {
  if (directory.empty() || directory == "." || directory == "./") return name;
  return directory.ends_with('/') ? directory + name : directory + "/" + name;
}

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

std::shared_ptr<const linux::RootFd> share(const linux::RootFd& root) {
  return std::make_shared<const linux::RootFd>(linux::Fd(fcntl(root.get(), F_DUPFD_CLOEXEC, 0)));
}

// --- what is missing, and what was meant -------------------------------------------------------------------------

// "DOCKERFILE", "Containerfile", "Dockerfile.dev", "app.dockerfile": what people call such files.
bool looks_like_one(const std::string& name) {
  const std::string small = base::lower(name);
  for (const std::string word : {"dockerfile", "containerfile", "conductorfile"})
    if (small == word || small.starts_with(word + ".") || small.ends_with("." + word))
      return !small.ends_with(".dockerignore");
  return false;
}

[[noreturn]] void no_default(const BuildContext& context, const std::string& directory) {
  Error error("there is no Conductorfile and no Dockerfile in " + base::escape_control(directory));
  for (const auto& name : context.root.list("."))
    if (looks_like_one(name))
      throw error.with_hint("did you mean -f " + base::escape_control(shown_name(directory, name)) + "?");
  throw error.with_hint("name the file with -f");
}

[[noreturn]] void no_file(const std::string& path) {
  std::vector<std::string> names;
  const std::string directory = directory_of(path);
  std::error_code failed;
  const auto place = path.starts_with('/') && directory.empty() ? "/" : directory.empty() ? "." : directory;
  for (const auto& entry : std::filesystem::directory_iterator(place, failed)) names.push_back(entry.path().filename());
  const auto meant = base::nearest(std::filesystem::path(path).filename().string(), names);
  Error error("there is no file " + base::escape_control(path));
  if (meant) error.with_hint("did you mean " + base::escape_control(shown_name(directory, *meant)) + "?");
  throw error;
}

// --- the Conductorfile ----------------------------------------------------------------------------------------------

// Names below the file's root that belong to the Conductorfile.
struct Located {
  SourceFile file;
  std::shared_ptr<const linux::RootFd> root;
  std::string directory;
};

Located read_default(const BuildContext& context, const std::string& directory) {
  for (const std::string name : default_names)
    if (auto text = context.root.read_file(name, file_limit))
      return {{shown_name(directory, name), std::move(*text)}, share(context.root), {}};
  no_default(context, directory);
}

std::optional<Located> read_in_context(const BuildContext& context, const std::string& directory,
                                       const std::string& path) {
  auto text = context.root.read_file(path, file_limit);
  if (!text) return std::nullopt;
  return Located{{shown_name(directory, path), std::move(*text)}, share(context.root), directory_of(path)};
}

// A path of the user's, wherever it is. What it includes may lie in the context when the file does, else beside it.
std::optional<Located> read_anywhere(const BuildContext& context, const std::string& path) {
  std::error_code failed;
  if (std::filesystem::is_directory(path, failed)) throw Error(base::escape_control(path) + " is a directory");
  auto text = linux::try_read_file(path, file_limit);
  if (!text) return std::nullopt;
  const std::string place = std::filesystem::weakly_canonical(std::filesystem::absolute(path).parent_path(), failed);
  if (place == context.path) return Located{{path, std::move(*text)}, share(context.root), {}};
  const std::string prefix = context.path == "/" ? "/" : context.path + "/";
  if (place.starts_with(prefix))
    return Located{{path, std::move(*text)}, share(context.root), place.substr(prefix.size())};
  // A pipe (/dev/fd/63) has no directory of its own.
  struct stat found{};
  const bool regular = stat(path.c_str(), &found) == 0 && S_ISREG(found.st_mode);
  auto root = regular ? std::make_shared<const linux::RootFd>(linux::RootFd::open(place)) : share(context.root);
  return Located{{path, std::move(*text)}, std::move(root), {}};
}

Located read_from_input(const BuildContext& context) {
  const base::Context sentence("standard input");
  return {{input_name, linux::read_all(STDIN_FILENO, file_limit)}, share(context.root), {}};
}

Located read_from_url(const BuildContext& context, const std::string& url, const Fetching& fetching) {
  TreeOrText fetched = fetch(url, file_limit, fetching);
  auto* text = std::get_if<TextSource>(&fetched);
  if (text == nullptr) throw Error(base::escape_control(url) + " is no Conductorfile");
  return {{url, std::move(text->text)}, share(context.root), {}};
}

// Files of the user's own directories count for a context of his own; a fetched one brings its Conductorfile.
Located read_named(const BuildContext& context, const std::string& directory, const std::string& file,
                   const Fetching& fetching) {
  if (file == input_name) return read_from_input(context);
  if (is_http_url(file)) return read_from_url(context, file, fetching);
  if (!context.owner)
    if (auto found = read_anywhere(context, file)) return std::move(*found);
  if (!context.owner && file.starts_with('/')) no_file(file);
  if (auto found = read_in_context(context, directory, file)) return std::move(*found);
  if (context.owner) throw Error("there is no file " + base::escape_control(file) + " in the context");
  no_file(file);
}

void take(BuildContext& context, Located located) {
  context.file = std::move(located.file);
  context.file_root = std::move(located.root);
  context.file_directory = std::move(located.directory);
}

// --- the rules ------------------------------------------------------------------------------------------------------

void use(BuildContext& context, const std::string& text, std::string name) {
  context.ignore = parser::IgnoreRules::parse(text);
  context.ignore_file = std::move(name);
}

void read_own_rules(BuildContext& context, const std::string& directory) {
  for (const std::string name : ignore_names)
    if (const auto text = context.root.read_file(name, ignore_limit))
      return use(context, *text, shown_name(directory, name));
}

void read_rules(BuildContext& context, const std::string& directory) {
  const bool has_place = context.file.name != input_name && !is_http_url(context.file.name);
  const std::string name = std::filesystem::path(context.file.name).filename().string() + ".dockerignore";
  if (has_place)
    if (const auto text = context.file_root->read_file(shown_name(context.file_directory, name), ignore_limit))
      return use(context, *text, shown_name(directory_of(context.file.name), name));
  read_own_rules(context, directory);
}

// --- directories of this machine ------------------------------------------------------------------------------------

}  // namespace

bool is_local_directory(const std::string& where) {
  std::error_code failed;
  return where.find("://") == std::string::npos && std::filesystem::is_directory(where, failed);
}

SourceTree open_directory(const std::string& path) {
  if (path.find("://") != std::string::npos)
    throw Error("a build context is a directory, an http(s) or git URL, not " + base::escape_control(path));
  std::error_code failed;
  const auto resolved = std::filesystem::canonical(path, failed);
  if (failed) throw Error("there is no build context " + base::escape_control(path), failed.value());
  if (!std::filesystem::is_directory(resolved))
    throw Error("the build context " + base::escape_control(path) + " is not a directory")
        .with_hint("an archive is read from standard input: conductor build - < ARCHIVE");
  return {resolved.string(), nullptr, linux::RootFd::open(resolved.string()), resolved.string(), {}, {}};
}

namespace {

// --- the context ----------------------------------------------------------------------------------------------------

BuildContext context_of(SourceTree tree) {
  BuildContext context{
      std::move(tree.path),     std::move(tree.root),  {},      {}, {}, std::move(tree.identity), std::move(tree.url),
      std::move(tree.resolved), std::move(tree.owner), nullptr, {}};
  context.file_root = share(context.root);
  return context;
}

// What was fetched, or read: a tree, or a Conductorfile without one.
BuildContext fetched_context(TreeOrText fetched, const std::string& file, const Fetching& fetching) {
  if (auto* tree = std::get_if<SourceTree>(&fetched)) {
    BuildContext context = context_of(std::move(*tree));
    take(context, file.empty() ? read_default(context, "") : read_named(context, "", file, fetching));
    read_rules(context, "");
    return context;
  }
  if (!file.empty()) throw Error("the context is a Conductorfile itself, and -f names another one");
  BuildContext context = context_of(empty_tree(fetching));
  auto& text = std::get<TextSource>(fetched);
  context.file = {std::move(text.name), std::move(text.text)};
  return context;
}

}  // namespace

BuildContext open_context(const std::string& where, const std::string& file, const Fetching& fetching) {
  if (where == input_name) {
    if (file == input_name) throw Error("the context and the Conductorfile cannot both be standard input");
    return fetched_context(read_input(STDIN_FILENO, file_limit, fetching), file, fetching);
  }
  if (is_remote(where)) return fetched_context(fetch(where, file_limit, fetching), file, fetching);
  BuildContext context = context_of(open_directory(where));
  take(context, file.empty() ? read_default(context, where) : read_named(context, where, file, fetching));
  read_rules(context, where);
  return context;
}

BuildContext context_without_file(SourceTree tree) {
  BuildContext context = context_of(std::move(tree));
  read_own_rules(context, context.path);
  return context;
}

// --- INCLUDE --------------------------------------------------------------------------------------------------------

namespace {

// The path below the root, without "." and ".."; nothing when it leads out of it.
std::optional<std::string> inside(const std::string& directory, const std::string& path) {
  std::vector<std::string> parts;
  const std::string whole = path.starts_with('/') ? path : directory + "/" + path;
  for (auto& part : base::split(whole, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(std::move(part));
      continue;
    }
    if (parts.empty()) return std::nullopt;
    parts.pop_back();
  }
  return base::join(parts, "/");
}

}  // namespace

parser::Includer includer_of(const BuildContext& context) {
  struct State {
    std::shared_ptr<const linux::RootFd> root;
    std::shared_ptr<store::TemporaryTree> owner;
    std::string shown;                               // of the root; empty: names are shown below it
    std::map<std::string, std::string> directories;  // of files read so far, by the name they are shown with
  };
  auto state = std::make_shared<State>();
  state->root = context.file_root;
  state->owner = context.owner;
  state->directories[context.file.name] = context.file_directory;
  // "app/sub/Conductorfile" in "sub" of the root: the root is shown as "app".
  const std::string shown = directory_of(context.file.name);
  if (shown.ends_with(context.file_directory) && !is_http_url(context.file.name)) {
    state->shown = shown.substr(0, shown.size() - context.file_directory.size());
    while (state->shown.ends_with('/')) state->shown.pop_back();
  }
  return [state](const std::string& path, const std::string& including) -> parser::SourceText {
    const auto from = state->directories.find(including);
    const std::string directory = from == state->directories.end() ? "" : from->second;
    const auto place = inside(directory, path);
    if (!place) throw Error(base::escape_control(path) + " leads out of the context");
    auto text = state->root->read_file(*place, file_limit);
    if (!text) throw Error("there is no file " + base::escape_control(path));
    const std::string name = shown_name(state->shown, *place);
    state->directories[name] = directory_of(*place);
    return {name, std::move(*text)};
  };
}

}  // namespace conductor::builder
