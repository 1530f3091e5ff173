// Volumes with a size, on file systems of their own in a file.
#include "base/error.hpp"
#include "linux/disk_quota.hpp"
#include "linux/fd.hpp"
#include "linux/process.hpp"
#include "store/records.hpp"
#include "support/catch.hpp"
#include "support/temp.hpp"
#include "volume/volume.hpp"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <optional>

using namespace conductor;

namespace {

constexpr std::int64_t mebibyte = 1 << 20;

// A loop device, detached again when nobody uses it any more.
std::optional<std::string> loop_device(const std::string& file) {
  const int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
  if (control < 0) return std::nullopt;
  const linux::Fd control_fd(control);
  const linux::Fd backing = linux::open_file(file, O_RDWR);
  for (int tries = 0; tries < 10; ++tries) {
    const int number = ioctl(control, LOOP_CTL_GET_FREE);
    if (number < 0) return std::nullopt;
    const std::string path = "/dev/loop" + std::to_string(number);
    const auto device = linux::try_open(path, O_RDWR);
    if (!device) return std::nullopt;
    loop_config config{};
    config.fd = static_cast<unsigned>(backing.get());
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
    if (ioctl(device->get(), LOOP_CONFIGURE, &config) == 0) {
      static linux::Fd kept;  // until it is mounted, which holds it, too
      kept = device->duplicate();
      return path;
    }
    if (errno != EBUSY) return std::nullopt;
  }
  return std::nullopt;
}

struct FileSystem {
  std::string program, type, options;
  std::vector<std::string> arguments;
};

// Mounted at `path` for the life of the object; or why that cannot be.
class Disk {
 public:
  Disk(const FileSystem& wanted, const std::string& home) : path_(home + "/disk") {
    if (access(wanted.program.c_str(), X_OK) != 0) {
      why_not = wanted.program + " is not there";
      return;
    }
    const std::string file = home + "/file";
    const linux::Fd made = linux::open_file(file, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (ftruncate(made.get(), 400 * mebibyte) != 0) throw base::Error::from_errno("ftruncate");
    linux::SpawnOptions make{wanted.program, {wanted.program}, {"PATH=/usr/sbin:/usr/bin"}, {}, false};
    for (const auto& argument : wanted.arguments) make.arguments.push_back(argument);
    make.arguments.push_back(file);
    const auto output = linux::run_program(make);
    if (output.ending.shell_code() != 0) {
      why_not = output.text;
      return;
    }
    const auto device = loop_device(file);
    std::filesystem::create_directory(path_);
    if (!device)
      why_not = "there are no loop devices";
    else if (mount(device->c_str(), path_.c_str(), wanted.type.c_str(), 0, wanted.options.c_str()) != 0)
      why_not = "cannot mount " + wanted.type + ": " + base::Error::from_errno("mount").message();
    mounted_ = why_not.empty();
  }
  ~Disk() {
    if (mounted_) umount2(path_.c_str(), MNT_DETACH);
  }
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;
  const std::string& path() const { return path_; }
  std::string why_not;

 private:
  std::string path_;
  bool mounted_ = false;
};

// Bytes that can be written into a new file of the directory.
std::int64_t room_in(const std::string& directory, std::int64_t most) {
  const linux::Fd file = linux::open_file(directory + "/filler", O_WRONLY | O_CREAT | O_TRUNC, 0600);
  const std::string piece(mebibyte, 'x');
  std::int64_t written = 0;
  while (written < most) {
    const ssize_t size = write(file.get(), piece.data(), piece.size());
    if (size <= 0 || fdatasync(file.get()) != 0) break;
    written += size;
  }
  return written;
}

store::Locations store_on(const Disk& disk, const std::string& home) {
  auto locations = store::Locations::choose(disk.path() + "/store", home + "/state");
  for (const auto& directory : {locations.temporary(), locations.volumes(), locations.locks()})
    store::make_directory(directory);
  return locations;
}

const FileSystem ext4{"/sbin/mkfs.ext4", "ext4", "prjquota", {"-q", "-O", "quota,project", "-E", "quotatype=prjquota"}};
const FileSystem xfs{"/sbin/mkfs.xfs", "xfs", "prjquota", {"-q"}};
const FileSystem btrfs{"/sbin/mkfs.btrfs", "btrfs", "", {"-q"}};

}  // namespace

TEST_CASE("volumes: what one may take is bounded, and the next of its name is free of that") {
  if (geteuid() != 0) SKIP_TEST("needs root");
  const FileSystem wanted = GENERATE(ext4, xfs, btrfs);
  const test::TemporaryDirectory home;
  const Disk disk(wanted, home.path());
  if (!disk.why_not.empty()) SKIP_TEST(disk.why_not);
  volume::Volumes volumes(store_on(disk, home.path()));
  CHECK(volumes.create("small", {}, 20 * mebibyte).size == 20 * mebibyte);
  volumes.create("free");
  if (wanted.type != "btrfs") {
    const auto room = room_in(volumes.data_directory("small"), 100 * mebibyte);
    CHECK(room <= 20 * mebibyte);
    CHECK(room >= 18 * mebibyte);
  } else {
    const auto room = room_in(volumes.data_directory("small"), 100 * mebibyte);
    CHECK(room <= 21 * mebibyte);
    CHECK(room >= 15 * mebibyte);
    CHECK(linux::is_subvolume(linux::open_file(volumes.data_directory("free"), O_RDONLY | O_DIRECTORY)));
  }
  CHECK(room_in(volumes.data_directory("free"), 60 * mebibyte) == 60 * mebibyte);
  CHECK_THROWS_WITH(volumes.create("small", {}, mebibyte), Contains("another size"));
  CHECK(volumes.create("small").size == 20 * mebibyte);
  CHECK(volumes.remove("small", {}));
  volumes.create("small");
  CHECK(room_in(volumes.data_directory("small"), 60 * mebibyte) == 60 * mebibyte);
}

TEST_CASE("volumes: with a size, or as a subvolume, one takes the content of an image") {
  if (geteuid() != 0) SKIP_TEST("needs root");
  const FileSystem wanted = GENERATE(ext4, btrfs);
  const test::TemporaryDirectory home;
  const Disk disk(wanted, home.path());
  if (!disk.why_not.empty()) SKIP_TEST(disk.why_not);
  volume::Volumes volumes(store_on(disk, home.path()));
  store::make_directory(home.path() + "/layer/data");
  store::write_file_atomically(home.path() + "/layer/data/file", "of the image");
  volumes.create("filled", {}, 20 * mebibyte);
  volumes.fill("filled", {home.path() + "/layer"}, "/data");
  CHECK(linux::read_file(volumes.data_directory("filled") + "/file") == "of the image");
  CHECK(room_in(volumes.data_directory("filled"), 60 * mebibyte) <= 21 * mebibyte);
  CHECK(volumes.remove("filled", {}));
  CHECK(store::list_directory(disk.path() + "/store/tmp").empty());
}

TEST_CASE("volumes: a size where the file system cannot bound a folder is refused, and nothing is left") {
  if (geteuid() != 0) SKIP_TEST("needs root");
  const test::TemporaryDirectory home;
  const FileSystem plain{"/sbin/mkfs.ext4", "ext4", "", {"-q"}};
  const Disk disk(plain, home.path());
  if (!disk.why_not.empty()) SKIP_TEST(disk.why_not);
  volume::Volumes volumes(store_on(disk, home.path()));
  CHECK_THROWS_WITH(volumes.create("small", {}, mebibyte), Contains("cannot bound"));
  CHECK_FALSE(volumes.find("small").has_value());
}
