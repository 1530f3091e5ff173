// Mounts in a mount namespace of their own: each check runs in a child, so that nothing is left behind.
#include "base/error.hpp"
#include "linux/mount.hpp"
#include "linux/namespaces.hpp"
#include "linux/process.hpp"
#include "support/catch.hpp"
#include "support/temp.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

using namespace conductor;
using linux::Fd;

namespace {

void write_text(const std::string& path, const std::string& text) {
  linux::write_all(linux::open_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0644).get(), text);
}

// What `body` returns, from a child with private mounts; the reason when it throws.
std::string in_private_mounts(const std::function<std::string()>& body) {
  linux::Pipe pipe = linux::make_pipe();
  const linux::Child child = linux::clone_child(CLONE_NEWNS, [&] {
    try {
      linux::make_mounts_private();
      linux::write_all(pipe.write.get(), body());
    } catch (const std::exception& e) {
      linux::write_all(pipe.write.get(), e.what());
    }
    return 0;
  });
  pipe.write.reset();
  const std::string said = linux::read_all(pipe.read.get());
  REQUIRE(linux::wait_for(child.pidfd).code == 0);
  return said;
}

struct Layers {
  test::TemporaryDirectory place;
  linux::OverlayDirectories directories;

  Layers() {
    for (const char* name : {"base", "middle", "top", "upper", "work", "merged"}) mkdir((place / name).c_str(), 0755);
    write_text(place / "base/one", "base");
    write_text(place / "middle/two", "middle");
    write_text(place / "top/one", "top");
    directories = {{place / "top", place / "middle", place / "base"}, place / "upper", place / "work"};
  }
  std::string merged(const std::string& name) const { return place / ("merged/" + name); }
  void attach(const Fd& tree) const {
    linux::attach(tree.get(), linux::open_file(place / "merged", O_PATH | O_DIRECTORY).get());
  }
};

std::string merge_and_write(const Layers& layers) {
  layers.attach(linux::new_overlay(layers.directories, MOUNT_ATTR_NODEV));
  write_text(layers.merged("three"), "new");
  return linux::read_file(layers.merged("one")) + " " + linux::read_file(layers.merged("two"));
}

}  // namespace

TEST_CASE("an overlay shows the topmost layer and writes to the upper directory") {
  const bool option_string = GENERATE(false, true);
  linux::force_overlay_option_string(option_string);
  const Layers layers;
  CHECK(in_private_mounts([&] { return merge_and_write(layers); }) == "top middle");
  CHECK(linux::read_file(layers.place / "upper/three") == "new");
  CHECK(linux::read_file(layers.place / "base/one") == "base");
  linux::force_overlay_option_string(false);
}

TEST_CASE("an overlay takes 120 layers with long names") {
  const bool option_string = GENERATE(false, true);
  linux::force_overlay_option_string(option_string);
  Layers layers;
  layers.directories.lower.clear();
  for (int i = 0; i < 120; ++i) {
    const std::string directory = layers.place / (std::string(200, 'l') + std::to_string(i));
    REQUIRE(mkdir(directory.c_str(), 0755) == 0);
    write_text(directory + "/layer-" + std::to_string(i), std::to_string(i));
    layers.directories.lower.push_back(directory);
  }
  CHECK(in_private_mounts([&] {
          layers.attach(linux::new_overlay(layers.directories));
          return linux::read_file(layers.merged("layer-0")) + " " + linux::read_file(layers.merged("layer-119"));
        }) == "0 119");
  linux::force_overlay_option_string(false);
}

TEST_CASE("names with bytes that overlay options give a meaning work") {
  const bool option_string = GENERATE(false, true);
  linux::force_overlay_option_string(option_string);
  Layers layers;
  const std::string odd = layers.place / "a:b,c\\d";
  REQUIRE(mkdir(odd.c_str(), 0755) == 0);
  write_text(odd + "/odd", "odd");
  layers.directories.lower.push_back(odd);
  CHECK(in_private_mounts([&] {
          layers.attach(linux::new_overlay(layers.directories));
          return linux::read_file(layers.merged("odd"));
        }) == "odd");
  linux::force_overlay_option_string(false);
}

TEST_CASE("an overlay without upper directory is read-only, with one layer too") {
  Layers layers;
  layers.directories.upper.clear();
  if (GENERATE(false, true))
    layers.directories.lower.erase(layers.directories.lower.begin(), layers.directories.lower.begin() + 2);
  CHECK(in_private_mounts([&] {
          layers.attach(linux::new_overlay(layers.directories));
          const int fd = open(layers.merged("one").c_str(), O_WRONLY | O_CLOEXEC);
          return std::string(fd < 0 && errno == EROFS ? "read-only" : "writable");
        }) == "read-only");
}

TEST_CASE("the temporary mount point of the option string is gone afterwards") {
  linux::force_overlay_option_string(true);
  const Layers layers;
  CHECK(in_private_mounts([&] {
          const auto before = linux::RootFd::open("/tmp").list("/").size();
          const Fd tree = linux::new_overlay(layers.directories);
          return std::to_string(linux::RootFd::open("/tmp").list("/").size() == before);
        }) == "1");
  linux::force_overlay_option_string(false);
}

TEST_CASE("the kernel's own words are in the error of a refused option") {
  const auto said = in_private_mounts([] {
    linux::new_filesystem("tmpfs", {{"size", "64k"}, {"no-such-option", "1"}});
    return std::string("accepted");
  });
  CHECK_THAT(said, Contains("tmpfs") && Contains("no-such-option") && Contains("Unknown parameter"));
}

TEST_CASE("pivot_to makes a tree the root and leaves nothing of the old one") {
  const Layers layers;
  REQUIRE(mkdir((layers.place / "base/proc").c_str(), 0755) == 0);
  const auto said = in_private_mounts([&] {
    const Fd root = linux::new_overlay(layers.directories);
    layers.attach(root);
    const Fd process_files =
        linux::new_filesystem("proc", {}, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    linux::attach(process_files.get(), linux::open_file(layers.merged("proc"), O_PATH | O_DIRECTORY).get());
    linux::pivot_to(root.get());
    std::string text = linux::read_file("/one") + (access("/etc", F_OK) == 0 ? " old" : " clean");
    for (const auto& entry : linux::list_mounts()) text += " " + entry.point + "=" + entry.type;
    return text;
  });
  CHECK(said == "top clean /=overlay /proc=proc");
}

TEST_CASE("attributes hold for submounts when they are set recursively") {
  const Layers layers;
  const auto said = in_private_mounts([&] {
    REQUIRE(mkdir((layers.place / "base/sub").c_str(), 0755) == 0);
    linux::attach(linux::new_filesystem("tmpfs", {{"size", "64k"}}).get(),
                  linux::open_file(layers.place / "base/sub", O_PATH | O_DIRECTORY).get());
    const Fd tree = linux::clone_tree(linux::open_file(layers.place / "base", O_PATH | O_DIRECTORY).get(), true);
    linux::set_attributes(tree.get(), MOUNT_ATTR_RDONLY, true);
    linux::set_propagation(tree.get(), MS_PRIVATE, true);
    layers.attach(tree);
    const int fd = open(layers.merged("sub/file").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    return std::string(fd < 0 && errno == EROFS ? "read-only" : "writable");
  });
  CHECK(said == "read-only");
}

TEST_CASE("unmount of what is not mounted is fine") {
  const test::TemporaryDirectory place;
  CHECK_NOTHROW(linux::unmount(place.path()));
  CHECK_NOTHROW(linux::unmount(place / "absent"));
}

TEST_CASE("remove_all stops at a mount and takes the rest") {
  const Layers layers;
  const auto said = in_private_mounts([&] {
    linux::attach(linux::new_filesystem("tmpfs", {{"size", "64k"}}).get(),
                  linux::open_file(layers.place / "merged", O_PATH | O_DIRECTORY).get());
    write_text(layers.merged("kept"), "kept");
    try {
      linux::remove_tree(layers.place.path());
    } catch (const base::Error& e) {
      const bool rest_gone = access((layers.place / "base").c_str(), F_OK) != 0;
      return linux::read_file(layers.merged("kept")) + (rest_gone ? " gone " : " left ") + e.what();
    }
    return std::string("removed");
  });
  CHECK_THAT(said, Contains("kept gone ") && Contains("merged is a mount point"));
}
