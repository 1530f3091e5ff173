// What is read from /proc/PID/mountinfo: mounts, and the layout of the control groups.
#include "linux/cgroup_layout.hpp"
#include "linux/mount.hpp"
#include "support/catch.hpp"
#include "support/temp.hpp"

#include <fcntl.h>
#include <sys/stat.h>

using namespace conductor;

namespace {

struct Mountinfo {
  test::TemporaryDirectory place;
  std::string path = place / "mountinfo";

  explicit Mountinfo(const std::string& text, const std::string& controllers = "") {
    mkdir((place / "unified").c_str(), 0755);
    write(place / "unified/cgroup.controllers", controllers);
    write(path, text);
  }
  // A line for a unified hierarchy whose files are in our directory.
  void add_unified() const {
    write(path, linux::read_file(path) + "41 31 0:38 / " + (place / "unified") + " rw - cgroup2 cgroup2 rw\n");
  }
  static void write(const std::string& file, const std::string& text) {
    linux::write_all(linux::open_file(file, O_WRONLY | O_CREAT | O_TRUNC, 0600).get(), text);
  }
};

constexpr auto version_1 =
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:5 - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
    "36 31 0:33 / /sys/fs/cgroup/devices rw,relatime - cgroup cgroup rw,devices\n"
    "38 31 0:35 / /sys/fs/cgroup/blkio rw,relatime - cgroup cgroup rw,blkio\n"
    "40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd\n"
    "99 31 0:32 / /mnt/again rw,relatime - cgroup cgroup rw,memory\n";

}  // namespace

TEST_CASE("mounts are read with their escapes and any number of optional fields") {
  const Mountinfo info(
      "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard\n"
      "28 27 0:5 / /a\\040b\\134c rw shared:1 master:2 unbindable - tmpfs none\\011x rw,size=4k\n"
      "a line that is none\n");
  const auto mounts = linux::list_mounts(info.path);
  REQUIRE(mounts.size() == 2);
  CHECK(mounts[0].point == "/");
  CHECK(mounts[0].source == "/dev/vda");
  CHECK(mounts[1].point == "/a b\\c");
  CHECK(mounts[1].type == "tmpfs");
  CHECK(mounts[1].source == "none\tx");
  CHECK(mounts[1].super_options == "rw,size=4k");
}

TEST_CASE("of version 1 the hierarchies with our controllers are used, each once") {
  const Mountinfo info(version_1);
  const auto layout = linux::find_cgroup_layout(info.path);
  REQUIRE(layout.hierarchies.size() == 4);
  CHECK_FALSE(layout.v2_only());
  CHECK(layout.with("cpu") == layout.with("cpuacct"));
  CHECK(layout.with("memory")->root == "/sys/fs/cgroup/memory");
  CHECK(layout.with("blkio")->root == "/sys/fs/cgroup/blkio");
  CHECK(layout.with("name=systemd") == nullptr);
}

TEST_CASE("beside version 1 the unified hierarchy is used when it has one of our controllers") {
  const Mountinfo without(version_1, "hugetlb\n");
  without.add_unified();
  CHECK(linux::find_cgroup_layout(without.path).hierarchies.size() == 4);

  const Mountinfo with(version_1, "pids hugetlb\n");
  with.add_unified();
  const auto layout = linux::find_cgroup_layout(with.path);
  REQUIRE(layout.hierarchies.size() == 5);
  CHECK_FALSE(layout.v2_only());
  CHECK(layout.with("pids")->unified);
}

TEST_CASE("version 2 alone is one hierarchy") {
  const Mountinfo info("", "cpuset cpu io memory pids\n");
  info.add_unified();
  const auto layout = linux::find_cgroup_layout(info.path);
  CHECK(layout.v2_only());
  CHECK(layout.with("memory")->root == info.place / "unified");
  CHECK(layout.with("devices") == nullptr);
}
