// Layers with all that only root can make: there and back, and as other programs read them. Caches that are carried.
#include "base/error.hpp"
#include "image/cache_archive.hpp"
#include "image/image.hpp"
#include "image/layer_archive.hpp"
#include "image/layer_reader.hpp"
#include "image/layers.hpp"
#include "linux/process.hpp"
#include "store/records.hpp"
#include "support/catch.hpp"
#include "support/temp.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <chrono>

namespace {

using namespace conductor;
using namespace conductor::image;

#define NEEDS_ROOT \
  if (geteuid() != 0) SKIP_TEST("needs root")

struct Layer {
  test::TemporaryDirectory directory;
  std::string root = directory / "layer";
  Layer() { REQUIRE(mkdir(root.c_str(), 0755) == 0); }

  void write(const std::string& name, const std::string& content, mode_t mode = 0644) const {
    store::write_file_atomically(root + "/" + name, content, false);
    REQUIRE(chmod((root + "/" + name).c_str(), mode) == 0);
  }
  void fill() const {
    REQUIRE(mkdir((root + "/dir").c_str(), 0750) == 0);
    write("dir/setuid", "program", 04755);
    REQUIRE(chown((root + "/dir/setuid").c_str(), 3000000, 5) == 0);
    REQUIRE(chmod((root + "/dir/setuid").c_str(), 04755) == 0);
    write("dir/\xc3\xa4", std::string(100000, 'x'));
    write("dir/bad\xff", "");
    write(std::string(200, 'n'), "long");
    REQUIRE(link((root + "/dir/setuid").c_str(), (root + "/again").c_str()) == 0);
    REQUIRE(symlink(std::string(150, 't').c_str(), (root + "/link").c_str()) == 0);
    REQUIRE(mknod((root + "/null").c_str(), S_IFCHR | 0666, makedev(1, 3)) == 0);
    REQUIRE(mknod((root + "/disk").c_str(), S_IFBLK | 0600, makedev(8, 300)) == 0);
    REQUIRE(mknod((root + "/pipe").c_str(), S_IFIFO | 0600, 0) == 0);
    REQUIRE(mknod((root + "/gone").c_str(), S_IFCHR, makedev(0, 0)) == 0);
    REQUIRE(mkdir((root + "/opaque").c_str(), 0755) == 0);
    REQUIRE(setxattr((root + "/opaque").c_str(), "trusted.overlay.opaque", "y", 1, 0) == 0);
    REQUIRE(setxattr((root + "/opaque").c_str(), "trusted.overlay.origin", "x", 1, 0) == 0);
    REQUIRE(setxattr((root + "/dir").c_str(), "user.note", "kept", 4, 0) == 0);
    clamp_times(root, 1000000000);
  }
  std::string archive() const {
    std::string bytes;
    write_archive(linux::RootFd::open(root), ArchiveForm::layer, [&](std::string_view more) { bytes += more; });
    return bytes;
  }
};

std::string program_output(const std::string& program, const std::vector<std::string>& words) {
  linux::SpawnOptions options;
  options.program = program;
  options.arguments = words;
  options.environment = {"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC"};
  const auto output = linux::run_program(options);
  INFO(output.text);
  REQUIRE(output.ending.shell_code() == 0);
  return output.text;
}

TEST_CASE_METHOD(Layer, "what is written as an archive is read back as the same layer") {
  NEEDS_ROOT;
  fill();
  const std::string back = directory / "back";
  for (const mode_t mode : {0755, 0700}) {
    REQUIRE(chmod(root.c_str(), mode) == 0);
    clamp_times(root, 1000000000);
    const std::string bytes = archive();
    CHECK(archive_size(linux::RootFd::open(root), ArchiveForm::layer) == static_cast<std::int64_t>(bytes.size()));
    linux::remove_tree(back);
    REQUIRE(mkdir(back.c_str(), 0755) == 0);
    const linux::Fd file = linux::make_memory_file("layer", bytes);
    read_layer(file.get(), back);
    CHECK(digest_layer(back).diff_id == digest_layer(root).diff_id);
    CHECK(digest_layer(back).size == digest_layer(root).size);
  }
  struct stat found{};
  REQUIRE(lstat((back + "/gone").c_str(), &found) == 0);
  CHECK(S_ISCHR(found.st_mode));
  CHECK(found.st_rdev == 0);
  char value = 0;
  CHECK(getxattr((back + "/opaque").c_str(), "trusted.overlay.opaque", &value, 1) == 1);
}

TEST_CASE_METHOD(Layer, "tar(1) reads what is written") {
  NEEDS_ROOT;
  if (access("/usr/bin/tar", X_OK) != 0) SKIP_TEST("no tar here");
  fill();
  REQUIRE(unlink((root + "/dir/bad\xff").c_str()) == 0);
  const std::string path = directory / "layer.tar";
  store::write_file_atomically(path, archive(), false);
  const std::string listing = program_output("/usr/bin/tar", {"tar", "--numeric-owner", "-tvf", path});
  for (const char* part : {" .wh.gone\n", "-rwsr-xr-x 3000000/5", " dir/setuid link to again\n", " 1,3 ", " 8,300 ",
                           " opaque/.wh..wh..opq\n", " dir/\xc3\xa4\n", "drwxr-x--- 0/0", "2001-09-09 01:46"}) {
    CAPTURE(part);
    CHECK_THAT(listing, Contains(part));
  }
  const std::string target = directory / "out";
  REQUIRE(mkdir(target.c_str(), 0755) == 0);
  program_output("/usr/bin/tar", {"tar", "--xattrs", "--xattrs-include=*", "-xpf", path, "-C", target});
  CHECK(linux::read_file(target + "/" + std::string(200, 'n')) == "long");
  char note[4] = {};
  CHECK(getxattr((target + "/dir").c_str(), "user.note", note, sizeof note) == 4);
  struct stat found{};
  REQUIRE(lstat((target + "/again").c_str(), &found) == 0);
  CHECK(found.st_uid == 3000000);
  CHECK(found.st_mtim.tv_sec == 1000000000);
  CHECK(found.st_nlink == 2);
}

TEST_CASE_METHOD(Layer, "archives that are not of that form are refused, and nothing is made outside") {
  NEEDS_ROOT;
  write("file", "content");
  REQUIRE(mkdir((root + "/d").c_str(), 0755) == 0);
  REQUIRE(symlink("/etc", (root + "/l").c_str()) == 0);
  const std::string good = archive();
  const auto sealed = [](std::string bytes, std::size_t header) {  // with a right sum
    bytes.replace(header + 148, 8, 8, ' ');
    unsigned sum = 0;
    for (std::size_t i = 0; i < 512; ++i) sum += static_cast<unsigned char>(bytes[header + i]);
    char text[8] = {};
    std::snprintf(text, sizeof text, "%06o", sum);
    bytes.replace(header + 148, 7, std::string(text, 7));
    return bytes;
  };
  const auto named = [&](const std::string& name) {
    std::string bytes = good;
    bytes.replace(512, 100, name + std::string(100 - name.size(), '\0'));  // of "file", after "d/"
    return sealed(bytes, 512);
  };
  int round = 0;
  const auto attempt = [&](const std::string& bytes) {
    const std::string target = directory / ("target" + std::to_string(round++));
    REQUIRE(mkdir(target.c_str(), 0755) == 0);
    const linux::Fd file = linux::make_memory_file("layer", bytes);
    read_layer(file.get(), target);
  };
  CHECK_NOTHROW(attempt(good));
  CHECK_NOTHROW(attempt(named("d/file")));
  for (const char* name :
       {"/file", "../file", "d/../file", "d/..", ".", "..", "", "other/file", "d//file", "l/file", "d"}) {
    CAPTURE(name);
    CHECK_THROWS_AS(attempt(named(name)), base::Error);
  }
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{511}, std::size_t{512}, good.size() - 512})
    CHECK_THROWS_AS(attempt(good.substr(0, size)), base::Error);
  CHECK_THROWS_AS(attempt(good + "x"), base::Error);
  for (std::size_t at = 0; at < 1024; at += 37) {  // one bit, anywhere in two headers
    std::string bytes = good;
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    CHECK_THROWS_AS(attempt(bytes), base::Error);
  }
  std::string kind = good;
  kind[512 + 156] = 'L';
  CHECK_THROWS_AS(attempt(sealed(kind, 512)), base::Error);
}

// --- caches

struct Stores {
  test::TemporaryDirectory directory;
  store::Locations here = store::Locations::choose(directory / "here", directory / "here-state");
  store::Locations there = store::Locations::choose(directory / "there", directory / "there-state");
  std::string cache = directory / "cache";
  std::string key = std::string(64, 'a'), other = std::string(64, 'b');
  Stores() {
    here.prepare();
    there.prepare();
  }
  std::string step(Images& images, const std::string& name, const std::string& content) const {
    LayerDraft draft(here);
    store::write_file_atomically(draft.upper() + "/file", content, false);
    REQUIRE(mknod((draft.upper() + "/gone").c_str(), S_IFCHR, makedev(0, 0)) == 0);
    std::string layer = images.commit(std::move(draft), 1000);
    images.remember_step(name, layer);
    return layer;
  }
  std::string only_blob() const {
    const auto names = store::list_directory(cache + "/blobs/sha256");
    REQUIRE(names.size() == 1);
    return cache + "/blobs/sha256/" + names.front();
  }
};

TEST_CASE_METHOD(Stores, "a step of an exported cache is taken in another store when it is asked for") {
  NEEDS_ROOT;
  Images from(here);
  const std::string layer = step(from, key, "result");
  step(from, other, "not exported");
  export_cache(from, cache, {key, std::string(64, 'c')});
  CHECK(only_blob() == cache + "/blobs/sha256/" + from.diff_id(layer).substr(7));

  Images to(there);
  CHECK(import_cache(to, directory / "nothing") == 0);
  CHECK(import_cache(to, cache) == 1);
  CHECK_FALSE(to.find_step(other));
  CHECK(all_layers(there).empty());
  CHECK(to.find_step(key) == layer);
  CHECK(to.diff_id(layer) == from.diff_id(layer));
  CHECK(to.layer_created(layer) == from.layer_created(layer));
  CHECK(Images(there).find_step(key) == layer);
}

TEST_CASE_METHOD(Stores, "an export holds what is wanted now, and is the same bytes each time") {
  NEEDS_ROOT;
  Images from(here);
  step(from, key, "one");
  step(from, other, "two");
  export_cache(from, cache, {key});
  export_cache(from, cache, {other, other});
  const std::string blob = linux::read_file(only_blob());
  CHECK_THAT(blob, Contains("two"));
  const std::string listing = linux::read_file(cache + "/cache.json");
  export_cache(from, cache, {other});
  CHECK(linux::read_file(cache + "/cache.json") == listing);
}

TEST_CASE_METHOD(Stores, "a cache that is not what it says is as good as none") {
  NEEDS_ROOT;
  Images from(here);
  step(from, key, "result");
  export_cache(from, cache, {key});
  const std::string blob = only_blob();
  const std::string good = linux::read_file(blob);
  std::string bad = good;
  bad[bad.find("result")] = 'R';
  for (const auto& content : {bad, good.substr(0, 700), std::string()}) {
    store::write_file_atomically(blob, content, false);
    Images to(there);
    import_cache(to, cache);
    CHECK_FALSE(to.find_step(key));
    CHECK(all_layers(there).empty());
    CHECK(store::list_directory(there.temporary()).empty());
  }
  store::write_file_atomically(cache + "/cache.json", R"({"steps":[{"key":"../x","layer":"sha256:00"}]})", false);
  Images to(there);
  CHECK_THROWS_WITH(import_cache(to, cache), Contains("damaged"));
}

// --- speed, with a wide margin

TEST_CASE_METHOD(Layer, "thousands of small files are hashed in a moment") {
  for (int d = 0; d < 30; ++d) {
    const std::string folder = root + "/" + std::to_string(d);
    REQUIRE(mkdir(folder.c_str(), 0755) == 0);
    for (int f = 0; f < 100; ++f)
      linux::write_all(linux::open_file(folder + "/" + std::to_string(f), O_WRONLY | O_CREAT, 0644).get(),
                       std::string(1000, 'x'));
  }
  const auto start = std::chrono::steady_clock::now();
  CHECK(digest_layer(root).size == 3000000);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(2));
}

}  // namespace
