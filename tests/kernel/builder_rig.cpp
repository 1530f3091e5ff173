#include "builder_rig.hpp"

#include "base/error.hpp"
#include "linux/mount.hpp"
#include "support/catch.hpp"

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <set>

using namespace conductor;

namespace {

store::Locations private_store(const std::string& home) {
  static const bool own_network = unshare(CLONE_NEWNET) == 0;
  if (!own_network) throw base::Error::from_errno("cannot make a network namespace");
  setenv("CONDUCTOR_MONITOR", CONDUCTOR_MONITOR, 1);
  setenv("CONDUCTOR_TRANSFER", CONDUCTOR_TRANSFER, 1);
  const auto locations = store::Locations::choose(home + "/store", home + "/state");
  locations.prepare();
  return locations;
}

linux::RootFd make_context(const std::string& home) {
  linux::RootFd::open(home).make_directories("context");
  return linux::RootFd::open(home + "/context");
}

}  // namespace

SmallDisk::SmallDisk(std::string path, const std::string& size) : path_(size.empty() ? "" : std::move(path)) {
  if (path_.empty()) return;
  static const bool own_mounts = unshare(CLONE_NEWNS) == 0;
  if (!own_mounts) throw base::Error::from_errno("cannot make a mount namespace");
  linux::make_mounts_private();
  const auto directory = linux::RootFd::open("/").make_directories(path_);
  linux::attach(linux::new_filesystem("tmpfs", {{"size", size}}).get(), directory.get());
}

SmallDisk::~SmallDisk() {
  if (!path_.empty()) umount2(path_.c_str(), MNT_DETACH);
}

BuilderRig::BuilderRig(const std::string& disk)
    : disk_(home_ / "store", disk),
      context_(make_context(home_.path())),
      locations_(private_store(home_.path())),
      engine_(locations_) {}

image::Image BuilderRig::build(const std::string& text) {
  context_.write_file("Conductorfile", text);
  output.clear(), steps.clear(), notes.clear();
  cached = made = 0;
  std::set<std::size_t> bases;
  if (options.context.empty()) options.context = context_path();
  return builder::build(engine_, options,
                        [&](const builder::Event& event) {
                          using Kind = builder::Event::Kind;
                          if (event.kind == Kind::output) output += event.text;
                          if (event.kind == Kind::output && on_output) on_output(event.text);
                          if (event.kind == Kind::began) steps.push_back(event.text);
                          if (event.kind == Kind::began && event.text.starts_with("FROM")) bases.insert(event.vertex);
                          if (event.kind == Kind::note || event.kind == Kind::warning) notes.push_back(event.text);
                          if (bases.contains(event.vertex)) return;
                          cached += event.kind == Kind::cached;
                          made += event.kind == Kind::done;
                        })
      .image;
}

std::string BuilderRig::failure(const std::string& text) {
  try {
    build(text);
  } catch (const base::Error& error) {
    return error.what() + (error.hint().empty() ? "" : "\n" + error.hint());
  }
  return "(it did not fail)";
}

linux::RootFd BuilderRig::files(const image::Image& image) {
  return builder::open_layers(engine_.images().lower_directories(image));
}

linux::RootFd BuilderRig::files_below(image::Image image, std::size_t layers) {
  image.layers.resize(image.layers.size() - layers);
  return files(image);
}

bool BuilderRig::add_programs() {
  const auto busybox = linux::try_read_file("/bin/busybox");
  if (!busybox) return false;
  context_.write_file("bin/busybox", *busybox, 0755);
  for (const char* name :
       {"sh",    "cat",   "echo", "ls",     "id", "touch", "rm",   "mkdir", "env", "false", "true",  "ip", "sed",
        "chmod", "chown", "pwd",  "printf", "wc", "dd",    "stat", "grep",  "df",  "rmdir", "sleep", "nc"})
    context_.symlink("busybox", std::string("bin/") + name);
  return true;
}

std::string text_of(const linux::RootFd& root, const std::string& path) {
  return root.read_file(path, 1U << 20U).value_or("(absent)");
}

std::string facts_of(const linux::RootFd& root, const std::string& path) {
  const auto status = root.status(path);
  if (!status) return "(absent)";
  char mode[8];
  std::snprintf(mode, sizeof mode, "%04o", status->st_mode & 07777U);
  const char* type = S_ISDIR(status->st_mode)   ? "directory"
                     : S_ISLNK(status->st_mode) ? "link"
                     : S_ISREG(status->st_mode) ? "file"
                                                : "other";
  return (S_ISLNK(status->st_mode) ? "" : std::string(mode) + " ") + std::to_string(status->st_uid) + ":" +
         std::to_string(status->st_gid) + " " + type;
}
