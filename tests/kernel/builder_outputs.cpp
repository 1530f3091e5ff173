// What build -o writes: files, archives of them, and images that other programs take.
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/sha256.hpp"
#include "builder/outputs.hpp"
#include "builder_rig.hpp"
#include "image/layer_archive.hpp"
#include "store/records.hpp"
#include "support/catch.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace conductor;
using builder::Output;
using builder::OutputType;
using Names = std::vector<std::string>;

namespace {

constexpr const char* two_layers =
    "FROM scratch\n"
    "COPY --chown=7:8 --chmod=0640 file /dir/file\n"
    "COPY other /dir/other\n"
    "LABEL a=b\n";

struct Outputs : BuilderRig {
  test::TemporaryDirectory target;
  Outputs() {
    context().write_file("file", "content");
    context().write_file("other", std::string(1000, 'o'));
    options.source_date_epoch = 1000000000;
  }
  // Builds with one output; the manifest's digest is what write_outputs says.
  std::string write(Output wanted, const std::vector<std::string>& tags = {}) {
    options.outputs.clear();
    const auto image = build(two_layers);
    options.tags = tags;
    options.outputs = {std::move(wanted)};
    return builder::write_outputs(engine(), image, options, {});
  }
  std::string path(const std::string& name) const { return target / name; }
  std::string read(const std::string& name) const { return linux::read_file(path(name)); }
};

// Names and contents of a tar archive's entries.
std::map<std::string, std::string> entries(const std::string& archive) {
  std::map<std::string, std::string> result;
  for (std::size_t at = 0; at + 512 <= archive.size() && archive[at] != '\0';) {
    const std::size_t size = std::stoul(archive.substr(at + 124, 11), nullptr, 8);
    result[archive.substr(at, 100).c_str()] = archive.substr(at + 512, size);
    at += 512 + (size + 511) / 512 * 512;
  }
  return result;
}
Names names_of(const std::map<std::string, std::string>& map) {
  Names names;
  for (const auto& [name, value] : map) names.push_back(name);
  return names;
}
std::string blob(const base::Json& descriptor) {
  return "blobs/sha256/" + descriptor.find("digest")->string()->substr(7);
}

}  // namespace

TEST_CASE_METHOD(Outputs, "files come with owner, mode and time; what is there stays or is replaced") {
  linux::RootFd::open(target.path()).write_file("out/dir/file", "old");
  linux::RootFd::open(target.path()).write_file("out/dir/mine", "mine");
  CHECK(write({OutputType::local, path("out"), {}, true}).empty());
  CHECK(read("out/dir/file") == "content");
  CHECK(read("out/dir/mine") == "mine");
  struct stat found{};
  REQUIRE(stat(path("out/dir/file").c_str(), &found) == 0);
  CHECK((found.st_mode & 07777U) == 0640);
  CHECK(found.st_uid == 7);
  CHECK(found.st_gid == 8);
  CHECK(found.st_mtim.tv_sec <= 1000000000);
  CHECK(linux::RootFd::open(path("out")).list("") == Names{"dir"});
}

TEST_CASE_METHOD(Outputs, "links in the destination are replaced, never followed") {
  linux::RootFd::open(target.path()).write_file("elsewhere/file", "untouched");
  linux::RootFd::open(target.path()).make_directories("out");
  REQUIRE(symlink("../elsewhere", path("out/dir").c_str()) == 0);
  write({OutputType::local, path("out"), {}, true});
  CHECK(read("elsewhere/file") == "untouched");
  CHECK(linux::RootFd::open(path("elsewhere")).list("") == Names{"file"});
  struct stat found{};
  REQUIRE(lstat(path("out/dir").c_str(), &found) == 0);
  CHECK(S_ISDIR(found.st_mode));

  linux::remove_tree(path("out/dir"));
  linux::RootFd::open(target.path()).make_directories("out/dir");
  REQUIRE(symlink("../../elsewhere/file", path("out/dir/file").c_str()) == 0);
  write({OutputType::local, path("out"), {}, true});
  CHECK(read("elsewhere/file") == "untouched");
  CHECK(read("out/dir/file") == "content");
}

TEST_CASE_METHOD(Outputs, "a file does not replace a directory, and then nothing is changed") {
  linux::RootFd::open(target.path()).make_directories("out/dir/other");
  CHECK_THROWS_WITH(write({OutputType::local, path("out"), {}, true}), Contains("dir/other is a directory"));
  CHECK(linux::RootFd::open(path("out")).list("") == Names{"dir"});
  CHECK(linux::RootFd::open(path("out/dir")).list("") == Names{"other"});
}

TEST_CASE_METHOD(Outputs, "what a killed output left is removed by the next; two at once are not mixed") {
  linux::RootFd::open(target.path()).write_file("out/.conductor-output/dir/half", "half");
  {
    const linux::Fd held = linux::open_file(path("out"), O_RDONLY | O_DIRECTORY);
    REQUIRE(flock(held.get(), LOCK_EX) == 0);
    CHECK_THROWS_WITH(write({OutputType::local, path("out"), {}, true}), Contains("another build"));
  }
  write({OutputType::local, path("out"), {}, true});
  CHECK(linux::RootFd::open(path("out")).list("") == Names{"dir"});
  CHECK(linux::RootFd::open(path("out/dir")).list("") == Names{"file", "other"});
}

TEST_CASE_METHOD(Outputs, "an archive of the files is there whole, in place of what was there") {
  linux::RootFd::open(target.path()).write_file("out.tar", "old");
  write({OutputType::tar, path("out.tar"), {}, true});
  const std::string first = read("out.tar");
  CHECK(names_of(entries(first)) == Names{"dir/", "dir/file", "dir/other"});
  CHECK(entries(first).at("dir/file") == "content");
  write({OutputType::tar, path("out.tar"), {}, true});
  CHECK(read("out.tar") == first);
  CHECK(linux::RootFd::open(target.path()).list("") == Names{"out.tar"});
  struct stat found{};
  REQUIRE(stat(path("out.tar").c_str(), &found) == 0);
  CHECK((found.st_mode & 0777U) == 0644);
}

TEST_CASE_METHOD(Outputs, "a pipe is written as it is; a failure leaves nothing") {
  REQUIRE(mkfifo(path("pipe").c_str(), 0600) == 0);
  const linux::Fd reader = linux::open_file(path("pipe"), O_RDONLY | O_NONBLOCK);
  write({OutputType::tar, path("pipe"), {}, true});
  CHECK(names_of(entries(linux::read_all(reader.get()))) == Names{"dir/", "dir/file", "dir/other"});
  CHECK_THROWS_WITH(write({OutputType::tar, target.path(), {}, true}), Contains("is a directory"));
  CHECK_THROWS_AS(write({OutputType::tar, path("absent/out.tar"), {}, true}), base::Error);
  linux::Cancellation stopped;
  stopped.request();
  options.outputs.clear();
  const auto image = build(two_layers);
  options.outputs = {{OutputType::oci, path("stopped.tar"), {}, true}};
  options.cancellation = &stopped;
  CHECK_THROWS_AS(builder::write_outputs(engine(), image, options, {}), base::Error);
  CHECK(linux::RootFd::open(target.path()).list("") == Names{"pipe"});
}

TEST_CASE_METHOD(Outputs, "an OCI archive is a layout whose digests and sizes are true, the same each time") {
  const std::string digest = write({OutputType::oci, path("image.tar"), {}, true}, {"team/app:1", "app"});
  const std::string archive = read("image.tar");
  const auto files = entries(archive);
  CHECK(files.at("oci-layout") == R"({"imageLayoutVersion":"1.0.0"})");
  for (const auto& [name, content] : files)
    if (name.starts_with("blobs/sha256/") && name.size() > 13) CHECK(name.substr(13) == base::sha256_hex(content));
  const auto index = base::Json::parse(files.at("index.json"));
  const auto& manifests = *index.find("manifests")->array_items();
  REQUIRE(manifests.size() == 2);
  CHECK(*manifests[0].find("digest")->string() == digest);
  CHECK(*manifests[0].find("annotations")->find("io.containerd.image.name")->string() == "team/app:1");
  CHECK(*manifests[1].find("annotations")->find("org.opencontainers.image.ref.name")->string() == "latest");
  const auto manifest = base::Json::parse(files.at(blob(manifests[0])));
  const auto& config = *manifest.find("config");
  CHECK(*config.find("size")->integer() == static_cast<std::int64_t>(files.at(blob(config)).size()));
  options.outputs.clear();
  options.tags.clear();
  CHECK(*config.find("digest")->string() == "sha256:" + build(two_layers).id);
  const auto& layers = *manifest.find("layers")->array_items();
  REQUIRE(layers.size() == 2);
  CHECK(names_of(entries(files.at(blob(layers[0])))) == Names{"dir/", "dir/file"});
  CHECK(write({OutputType::oci, path("again.tar"), {}, true}, {"team/app:1", "app"}) == digest);
  CHECK(read("again.tar") == archive);
}

TEST_CASE_METHOD(Outputs, "docker's archive has its manifest, and compressed layers have the same diff ids") {
  write({OutputType::docker, path("docker.tar"), "gzip", true}, {"app:1"});
  const auto files = entries(read("docker.tar"));
  const auto list = base::Json::parse(files.at("manifest.json"));
  const auto& entry = list.array_items()->front();
  CHECK(*entry.find("RepoTags")->array_items()->front().string() == "app:1");
  CHECK(files.contains(*entry.find("Config")->string()));
  REQUIRE(entry.find("Layers")->array_items()->size() == 2);
  for (const auto& layer : *entry.find("Layers")->array_items())
    CHECK(files.at(*layer.string()).starts_with("\x1f\x8b"));
  const auto config = base::Json::parse(files.at(*entry.find("Config")->string()));
  options.outputs.clear();
  options.tags.clear();
  const auto image = build(two_layers);
  CHECK(*config.find("rootfs")->find("diff_ids")->array_items()->front().string() ==
        engine().images().diff_id(image.layers.front()));
}

TEST_CASE_METHOD(Outputs, "a layout is a directory, and what it has already is not an obstacle") {
  const std::string digest = write({OutputType::oci, path("layout"), "zstd", false});
  CHECK(linux::RootFd::open(path("layout")).list("") == Names{"blobs", "index.json", "oci-layout"});
  CHECK(linux::RootFd::open(path("layout")).list("blobs/sha256").size() == 4);
  CHECK(write({OutputType::oci, path("layout"), "zstd", false}) == digest);
  CHECK(linux::RootFd::open(path("layout")).list("blobs/sha256").size() == 4);
}

TEST_CASE_METHOD(Outputs, "a layer that was changed behind our back does not leave the machine") {
  options.outputs.clear();
  const auto image = build(two_layers);
  const std::string file = engine().images().layer_directory(image.layers.front()) + "/dir/file";
  linux::write_all(linux::open_file(file, O_WRONLY).get(), "CONTENT");
  options.outputs = {{OutputType::oci, path("image.tar"), {}, true}};
  CHECK_THROWS_WITH(builder::write_outputs(engine(), image, options, {}), Contains("has been changed"));
  CHECK(linux::RootFd::open(target.path()).list("").empty());
}

TEST_CASE("what cannot be written is refused before anything is built") {
  CHECK_THROWS_WITH(builder::check_outputs({{OutputType::local, "", {}, true}}), Contains("destination"));
  CHECK_THROWS_WITH(builder::check_outputs({{OutputType::local, "-", {}, true}}), Contains("destination"));
  CHECK_THROWS_WITH(builder::check_outputs({{OutputType::oci, "-", {}, false}}), Contains("destination"));
  CHECK_THROWS_WITH(builder::check_outputs({{OutputType::oci, "x", "bzip2", true}}), Contains("bzip2"));
  CHECK_NOTHROW(builder::check_outputs({{OutputType::store, "", {}, true}, {OutputType::oci, "x", "zstd", true}}));
}
