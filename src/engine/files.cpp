#include "engine/files.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "engine/container_tree.hpp"
#include "engine/copy_place.hpp"
#include "image/layer_archive.hpp"
#include "store/records.hpp"
#include "transfer/transfer.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <climits>

namespace conductor::engine {

namespace {

using base::Error;
using linux::Fd;
using Mounts = ContainerTree::Mounts;

// One side of a copy.
struct Side {
  const linux::RootFd& root;
  std::string path;   // below the root
  std::string shown;  // in messages
};

volume::Copied copy(const Side& from, const Side& to, bool follow, const volume::CopyRules& rules) {
  const CopySource source = find_source(from.root, from.path, follow, from.shown);
  const CopyTarget target = find_target(to.root, to.path, source, to.shown);
  const base::Context context("copying to " + base::escape_control(to.shown));
  if (target.name.empty()) return volume::copy_content(source.file, target.directory, rules);
  return volume::copy_file(source.file, target.directory, target.name, rules);
}

Side inside_of(const ContainerTree& tree, const Container& container, const std::string& path) {
  return {tree.root(), path.starts_with('/') ? path : "/" + path, container.config.name + ":" + path};
}

std::string absolute(const std::string& path) {
  if (path.starts_with('/')) return path;
  std::array<char, PATH_MAX> directory{};
  if (getcwd(directory.data(), directory.size()) == nullptr) throw Error::from_errno("cannot tell the current folder");
  return std::string(directory.data()) + "/" + path;
}

volume::CopyRules rules_of(const CopyOptions& options, volume::Owner owner) {
  volume::CopyRules rules;
  if (!options.archive) rules.owner = owner;
  rules.merge = true;
  rules.changing = true;
  return rules;
}

image::ArchiveSink written_to(int output) {
  return [output](std::string_view bytes) { linux::write_all(output, bytes); };
}

// The mounts of a running one have its ids alone: files of the host's root cannot be made there.
void require_ids_of_host(Engine& engine, const Container& container) {
  if (container.ids.users.empty() || !engine.runtime().running(container.id)) return;
  throw Error("container '" + container.config.name + "' has user ids of its own and runs")
      .with_hint("stop it to copy files into it");
}

}  // namespace

volume::Copied copy_out(Engine& engine, const Container& container, const std::string& inside,
                        const std::string& outside, const CopyOptions& options) {
  const ContainerTree tree(engine, container, Mounts::all);
  const auto host = linux::RootFd::open("/");
  return copy(inside_of(tree, container, inside), {host, absolute(outside), outside}, options.follow,
              rules_of(options, {getuid(), getgid()}));
}

volume::Copied copy_in(Engine& engine, const Container& container, const std::string& outside,
                       const std::string& inside, const CopyOptions& options) {
  require_ids_of_host(engine, container);
  const ContainerTree tree(engine, container, Mounts::all);
  const auto host = linux::RootFd::open("/");
  return copy({host, absolute(outside), outside}, inside_of(tree, container, inside), options.follow,
              rules_of(options, {0, 0}));
}

void archive_out(Engine& engine, const Container& container, const std::string& inside, const CopyOptions& options,
                 int output) {
  const ContainerTree tree(engine, container, Mounts::all);
  const Side side = inside_of(tree, container, inside);
  const CopySource source = find_source(side.root, side.path, options.follow, side.shown);
  image::write_file_archive(source.file, source.content ? "" : source.name, written_to(output));
}

volume::Copied archive_in(Engine& engine, const Container& container, int archive, const std::string& inside) {
  require_ids_of_host(engine, container);
  const ContainerTree tree(engine, container, Mounts::all);
  const Side side = inside_of(tree, container, inside);
  const auto target = side.root.try_open(side.path, O_RDONLY | O_DIRECTORY);
  if (!target) throw Error("there is no directory '" + base::escape_control(side.shown) + "'");
  const store::TemporaryTree stage(engine.locations().temporary());
  const std::string staged = stage.path() + "/archive";
  store::make_directory(staged);
  const Fd unpacked = linux::open_file(staged, O_RDONLY | O_DIRECTORY);
  transfer::unpack(archive, unpacked.get());
  volume::CopyRules rules;
  rules.merge = true;
  const base::Context context("copying to " + base::escape_control(side.shown));
  return volume::copy_content(unpacked, *target, rules);
}

void export_tree(Engine& engine, const Container& container, int output) {
  const ContainerTree tree(engine, container, Mounts::none);
  const base::Context context("exporting " + container.config.name);
  image::write_archive(tree.root(), image::ArchiveForm::living, written_to(output));
}

}  // namespace conductor::engine
