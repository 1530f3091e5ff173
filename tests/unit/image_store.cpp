// Layers, names, removal and the cache, on a store of its own.
#include "base/error.hpp"
#include "base/fields.hpp"
#include "image/image.hpp"
#include "image/layer_archive.hpp"
#include "image/layers.hpp"
#include "image/names.hpp"
#include "store/lock.hpp"
#include "support/catch.hpp"
#include "support/temp.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

namespace {

using namespace conductor;
using namespace conductor::image;

bool exists(const std::string& path) {
  struct stat found{};
  return lstat(path.c_str(), &found) == 0;
}

const auto nobody = [](const std::string&) { return std::optional<std::string>(); };
const auto container_web = [](const std::string&) { return std::optional<std::string>("web"); };
const Progress quiet = [](const std::string&) {};

struct Fixture {
  test::TemporaryDirectory directory;
  store::Locations locations = store::Locations::choose(directory / "root", directory / "state");
  Fixture() { locations.prepare(); }

  std::string layer(Images& images, const std::string& content) const {
    LayerDraft draft(locations);
    store::write_file_atomically(draft.upper() + "/file", content);
    return images.commit(std::move(draft));
  }
  Image image(Images& images, const std::string& content, const std::vector<std::string>& names) const {
    Image value;
    value.layers = {layer(images, content)};
    value.config.env = {"A=" + content};
    value.created = 7;
    std::vector<Reference> references;
    for (const auto& name : names) references.push_back(parse_reference(name));
    return images.save(value, references);
  }
};

TEST_CASE_METHOD(Fixture, "a committed draft is a layer, one that is dropped leaves nothing") {
  Images images(locations);
  std::string dropped;
  {
    const LayerDraft draft(locations);
    dropped = draft.upper();
    struct stat found{};
    REQUIRE(stat(dropped.c_str(), &found) == 0);
    CHECK((found.st_mode & 07777U) == 0755U);
    CHECK(exists(draft.work()));
  }
  CHECK_FALSE(exists(dropped));
  const std::string id = layer(images, "hello");
  CHECK(id.size() == 32);
  CHECK(images.has_layer(id));
  CHECK(images.layer_size(id) == 5);
  CHECK(linux::read_file(layer_directory(locations, id) + "/file") == "hello");
  CHECK(store::list_directory(locations.temporary()).empty());
}

TEST_CASE_METHOD(Fixture, "the same content is the same layer, and has its diff id as the beginning of its id") {
  Images images(locations);
  const auto commit = [&](const std::string& content, std::optional<std::int64_t> newest) {
    LayerDraft draft(locations);
    store::write_file_atomically(draft.upper() + "/file", content);
    return images.commit(std::move(draft), newest);
  };
  const std::string first = commit("hello", 1000);
  CHECK(images.diff_id(first) == digest_layer(layer_directory(locations, first)).diff_id);
  CHECK(images.diff_id(first).starts_with("sha256:" + first));
  CHECK(commit("hello", 1000) == first);
  CHECK(commit("hello", 1001) != first);
  CHECK(commit("hullo", 1000) != first);
  CHECK(commit("hello", std::nullopt) != first);
  CHECK(all_layers(locations).size() == 4);
  CHECK(store::list_directory(locations.temporary()).empty());
}

TEST_CASE_METHOD(Fixture, "a layer that was killed before its record is taken up, one with another content is not") {
  Images images(locations);
  const auto commit = [&] {
    LayerDraft draft(locations);
    store::write_file_atomically(draft.upper() + "/file", "hello");
    return images.commit(std::move(draft), 1000);
  };
  const std::string id = commit();
  store::remove_file(layer_record(locations, id));
  CHECK(commit() == id);
  CHECK(images.has_layer(id));

  store::remove_file(layer_record(locations, id));
  store::write_file_atomically(layer_directory(locations, id) + "/file", "half");
  CHECK(commit() == id);
  CHECK(linux::read_file(layer_directory(locations, id) + "/file") == "hello");

  auto record = complete_layer_record(locations, id);
  record.diff_id = "sha256:" + std::string(64, '0');
  store::write_record(layer_record(locations, id), record);
  CHECK_THROWS_WITH(commit(), Contains("another content"));
  CHECK(images.has_layer(id));
}

TEST_CASE_METHOD(Fixture, "layers of earlier versions get their diff id when it is needed") {
  Images images(locations);
  const std::string old(32, 'a');
  store::make_directory(layer_directory(locations, old), 0755);
  store::write_file_atomically(layer_directory(locations, old) + "/file", "old");
  store::write_json(layer_record(locations, old), base::Json(base::Json::Object{{"size", 3}}));
  Image value;
  value.layers = {old};
  value = images.complete(value);
  CHECK(value.size == 3);
  CHECK(value.created % 1'000'000'000 == 0);
  CHECK(value.created > 0);
  const auto record = store::read_record<LayerRecord>(layer_record(locations, old));
  REQUIRE(record);
  CHECK(record->diff_id == digest_layer(layer_directory(locations, old)).diff_id);
  CHECK(images.complete(value).id == value.id);
}

TEST_CASE_METHOD(Fixture, "an image without a time has that of its newest layer") {
  Images images(locations);
  const auto commit = [&](const std::string& content, std::int64_t newest) {
    LayerDraft draft(locations);
    store::write_file_atomically(draft.upper() + "/file", content);
    return images.commit(std::move(draft), newest);
  };
  Image value;
  CHECK(images.complete(value).created == 0);
  value.layers = {commit("one", 2000), commit("two", 1000)};
  CHECK(images.complete(value).created == 2000 * std::int64_t{1'000'000'000});
  value.created = 5;
  CHECK(images.complete(value).created == 5);
}

TEST_CASE_METHOD(Fixture, "a layer that an image has twice is one lower directory, the upper one") {
  Images images(locations);
  Image value;
  value.layers = {layer(images, "a"), layer(images, "b")};
  value.layers.push_back(value.layers.front());
  const auto lower = images.lower_directories(value);
  REQUIRE(lower.size() == 2);
  CHECK(linux::read_file(lower[0] + "/file") == "a");
  CHECK(linux::read_file(lower[1] + "/file") == "b");
}

TEST_CASE_METHOD(Fixture, "sizes count a file once and follow no link") {
  const std::string tree = directory / "tree";
  store::make_directory(tree + "/below");
  store::write_file_atomically(tree + "/one", std::string(1000, 'x'));
  REQUIRE(link((tree + "/one").c_str(), (tree + "/below/again").c_str()) == 0);
  REQUIRE(symlink("/etc/passwd", (tree + "/link").c_str()) == 0);
  REQUIRE(symlink("/etc", (tree + "/directory").c_str()) == 0);
  store::write_file_atomically(tree + "/below/two", std::string(10, 'x'));
  CHECK(content_size(tree) == 1010);
}

TEST_CASE_METHOD(Fixture, "an image is found by name, by id and by the beginning of its id") {
  Images images(locations);
  const Image saved = image(images, "one", {"team/app:1", "app"});
  CHECK(saved.size == 3);
  CHECK(saved.id.size() == 64);
  for (const std::string& name : {std::string("team/app:1"), std::string("app"), std::string("app:latest"), saved.id,
                                  saved.id.substr(0, 12), "sha256:" + saved.id}) {
    CAPTURE(name);
    REQUIRE(images.find(name));
    CHECK(images.find(name)->id == saved.id);
  }
  CHECK_FALSE(images.find("app:2"));
  CHECK_FALSE(images.find(saved.id.substr(0, 3)));
  CHECK_FALSE(images.find("Not A Name"));
  CHECK(images.find("app")->config == saved.config);
}

TEST_CASE_METHOD(Fixture, "the id is of the content: the same again is the same, a name moves") {
  Images images(locations);
  const Image first = image(images, "one", {"app"});
  Image again = first;
  again.size = 99;
  again.id = "anything";
  CHECK(images.save(again, {parse_reference("app")}).id == first.id);
  CHECK(images.list().size() == 1);
  again.config.user = "nobody";
  const Image other = images.save(again, {parse_reference("app")});
  CHECK(other.id != first.id);
  CHECK(images.find("app")->id == other.id);
  CHECK(images.find(first.id));
}

TEST_CASE_METHOD(Fixture, "a name with a digest is that image or none") {
  Images images(locations);
  const Image one = image(images, "one", {"team/app:1"});
  const Image two = image(images, "two", {"team/app:2", "team/app"});
  CHECK(images.find("team/app:1@sha256:" + one.id)->id == one.id);
  CHECK(images.find("team/app@sha256:" + two.id)->id == two.id);
  CHECK(images.find("team/app@sha256:" + one.id)->id == one.id);  // of another tag
  const std::string other = "sha256:" + std::string(64, '1');
  CHECK_THROWS_WITH(images.find("team/app:1@" + other), Contains(one.id) && Contains(other));
  CHECK_THROWS_WITH(images.resolve("team/app@" + other, quiet), Contains("asked for"));
  CHECK_FALSE(images.find("other@sha256:" + one.id));
  CHECK_THROWS_WITH(images.resolve("other@sha256:" + one.id, quiet), Contains("no such image"));
  CHECK_THROWS_WITH(images.tag(one, parse_reference("new@" + other)), Contains("cannot be given"));
  CHECK_THROWS_WITH(images.save(one, {parse_reference("debian:sid@20260901")}), Contains("cannot be given"));
}

TEST_CASE_METHOD(Fixture, "images are listed by name and tag, those without a name last") {
  Images images(locations);
  image(images, "one", {"b:2", "b:1"});
  image(images, "two", {"a"});
  image(images, "three", {});
  std::vector<std::string> names;
  for (const auto& listed : images.list())
    names.push_back(listed.reference.name.empty() ? "-" : listed.reference.text());
  CHECK(names == std::vector<std::string>{"a:latest", "b:1", "b:2", "-"});
}

TEST_CASE_METHOD(Fixture, "a damaged record hides its image alone") {
  Images images(locations);
  const Image bad = image(images, "one", {"bad"});
  image(images, "two", {"good"});
  store::write_file_atomically(image_record(locations, bad.id), "{");
  REQUIRE(images.list().size() == 1);
  CHECK(images.list().front().reference.name == "good");
  CHECK_THROWS_AS(images.find("bad"), store::DamagedRecord);
  CHECK_THROWS_AS(images.remove_cache({}), base::Error);
  CHECK(images.has_layer(bad.layers.front()));
}

TEST_CASE_METHOD(Fixture, "the last name takes the image with it, the others only themselves") {
  Images images(locations);
  const Image saved = image(images, "one", {"a", "b"});
  CHECK(images.remove("a", container_web) == std::vector<std::string>{"Untagged: a:latest"});
  CHECK(images.find("b"));
  CHECK_THROWS_WITH(images.remove("b", container_web), Contains("web"));
  CHECK(images.find("b"));
  CHECK(images.remove("b", nobody) == std::vector<std::string>{"Untagged: b:latest", "Deleted: " + saved.id});
  CHECK_FALSE(images.find(saved.id));
  CHECK(images.has_layer(saved.layers.front()));
  CHECK_THROWS_WITH(images.remove("b", nobody), Contains("no such image: b"));
}

TEST_CASE_METHOD(Fixture, "by its id an image goes with all its names") {
  Images images(locations);
  const Image saved = image(images, "one", {"a", "b"});
  CHECK_THROWS_WITH(images.remove(saved.id, container_web), Contains("web"));
  CHECK(images.remove(saved.id.substr(0, 12), nobody).size() == 3);
  CHECK(images.list().empty());
}

TEST_CASE_METHOD(Fixture, "an unknown name is told with what was probably meant") {
  Images images(locations);
  image(images, "one", {"counter"});
  CHECK_THROWS_WITH(images.resolve("countre", quiet), Contains("no such image: countre") && Contains("counter"));
  CHECK_THROWS_WITH(images.resolve("Bad Name", quiet), Contains("invalid image name"));
  CHECK(images.resolve("counter", quiet).layers.size() == 1);
}

TEST_CASE_METHOD(Fixture, "scratch has no layers, and an empty lower directory") {
  Images images(locations);
  const Image scratch = images.resolve("scratch", quiet);
  CHECK(scratch.layers.empty());
  const auto lower = images.lower_directories(scratch);
  REQUIRE(lower.size() == 1);
  CHECK(store::list_directory(lower.front()).empty());
  CHECK(store::list_directory(locations.layers()).empty());
}

TEST_CASE_METHOD(Fixture, "lower directories have the topmost first; a lost layer is told") {
  Images images(locations);
  Image value;
  value.layers = {layer(images, "low"), layer(images, "high")};
  const auto lower = images.lower_directories(value);
  REQUIRE(lower.size() == 2);
  CHECK(linux::read_file(lower[0] + "/file") == "high");
  CHECK(linux::read_file(lower[1] + "/file") == "low");
  value.layers.push_back("0123");
  CHECK_THROWS_WITH(images.lower_directories(value), Contains("0123"));
}

TEST_CASE_METHOD(Fixture, "the cache answers only with layers that are whole") {
  Images images(locations);
  const std::string key(64, 'a');
  CHECK_FALSE(images.find_step(key));
  const std::string id = layer(images, "step");
  images.remember_step(key, id);
  CHECK(images.find_step(key) == id);
  store::remove_file(layer_record(locations, id));
  CHECK_FALSE(images.find_step(key));
  store::write_file_atomically(locations.cache() + "/" + key, "");
  CHECK_FALSE(images.find_step(key));
}

TEST_CASE_METHOD(Fixture, "removing the cache keeps what names need and frees the rest") {
  Images images(locations);
  const Image kept = image(images, "kept", {"app"});
  const Image unnamed = image(images, "unnamed", {});
  const std::string loose = layer(images, "loose");
  images.remember_step(std::string(64, 'a'), kept.layers.front());
  images.remember_step(std::string(64, 'b'), loose);
  store::make_directory(locations.layers() + "/half/of/a/layer");
  store::make_directory(locations.temporary() + "/abandoned");
  CHECK(images.remove_cache({kept.layers.front()}) == 12);
  CHECK(images.list().size() == 1);
  CHECK(images.find_step(std::string(64, 'a')) == kept.layers.front());
  CHECK_FALSE(images.find_step(std::string(64, 'b')));
  CHECK_FALSE(images.find(unnamed.id));
  CHECK(all_layers(locations) == kept.layers);
  CHECK(store::list_directory(locations.temporary()).empty());
}

TEST_CASE_METHOD(Fixture, "nothing goes while a container uses a layer that would") {
  Images images(locations);
  const Image unnamed = image(images, "unnamed", {});
  const std::string loose = layer(images, "loose");
  CHECK_THROWS_WITH(images.remove_cache({loose}), Contains(loose));
  CHECK(images.has_layer(loose));
  CHECK(images.find(unnamed.id));
}

TEST_CASE_METHOD(Fixture, "nothing goes while a build runs") {
  Images builder(locations);
  const std::string loose = layer(builder, "loose");
  Images other(locations);
  CHECK_THROWS_WITH(other.remove_cache({}), Contains("build is running"));
  CHECK(builder.has_layer(loose));
}

TEST_CASE_METHOD(Fixture, "a base is found, listed and removed by its name; a half one is none") {
  Images images(locations);
  const Suite suite{"debian", "bookworm"};
  Image base;
  base.layers = {layer(images, "base")};
  base = images.complete(base);
  store::write_record(base_record(locations, suite), base);
  CHECK(images.find("debian:bookworm")->id == base.id);
  CHECK(images.find("debian:bookworm-slim")->id == base.id);
  CHECK(images.find(base.id.substr(0, 12)));
  CHECK(images.list().front().reference.text() == "debian:bookworm");
  images.tag(base, parse_reference("mine"));
  CHECK(images.list().size() == 2);
  images.remove("mine", container_web);
  CHECK_THROWS_WITH(images.remove("debian:bookworm", container_web), Contains("web"));
  store::remove_file(layer_record(locations, base.layers.front()));
  CHECK_FALSE(images.find("debian:bookworm"));
}

TEST_CASE_METHOD(Fixture, "the base of a named image stays, another goes") {
  Images images(locations);
  const auto add_base = [&](const Suite& suite, const std::string& content) {
    Image base;
    base.layers = {layer(images, content)};
    base = images.complete(base);
    store::write_record(base_record(locations, suite), base);
    return base;
  };
  const Image used = add_base({"debian", "bookworm"}, "used");
  add_base({"debian", "trixie"}, "unused");
  Image value;
  value.layers = {used.layers.front(), layer(images, "top")};
  images.save(value, {parse_reference("app")});
  CHECK(images.remove_cache({}) == 6);
  CHECK(images.find("debian:bookworm"));
  CHECK_FALSE(images.find("debian:trixie"));
}

// --- the cache's limit

void set_time(const std::string& path, std::int64_t seconds) {
  const timespec times[2] = {{seconds, 0}, {seconds, 0}};
  REQUIRE(utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
}

TEST_CASE_METHOD(Fixture, "what a cache takes is told, and what of it could go") {
  Images images(locations);
  CHECK(images.cache_usage().cached == 0);
  const Image named = image(images, "named", {"app"});
  const std::string loose = layer(images, "loose!");
  const std::string used = layer(images, "used by a container");
  images.remember_step(std::string(64, 'a'), loose);
  images.remember_step(std::string(64, 'b'), named.layers.front());
  const CacheUsage usage = images.cache_usage({used});
  CHECK(usage.named == 5);
  CHECK(usage.named_layers == 1);
  CHECK(usage.cached == 6 + 19);
  CHECK(usage.cached_layers == 2);
  CHECK(usage.reclaimable == 6);
  CHECK(usage.steps == 2);
}

TEST_CASE_METHOD(Fixture, "what was of use longest ago goes first, until the limit holds") {
  Images images(locations);
  const Image named = image(images, "named", {"app"});
  std::vector<std::string> layers;
  for (int i = 0; i < 4; ++i) {
    layers.push_back(layer(images, std::string(10, static_cast<char>('0' + i))));
    const std::string key(64, static_cast<char>('a' + i));
    images.remember_step(key, layers.back());
    set_time(locations.cache() + "/" + key, 1000 + i);
    set_time(layer_record(locations, layers.back()), 1);
  }
  CHECK(images.find_step(std::string(64, 'a')) == layers[0]);  // of use now
  CHECK(images.prune_cache(40, {}) == 0);
  CHECK(images.prune_cache(25, {}) == 20);
  CHECK(images.has_layer(layers[0]));
  CHECK_FALSE(images.has_layer(layers[1]));
  CHECK_FALSE(images.has_layer(layers[2]));
  CHECK_FALSE(images.find_step(std::string(64, 'b')));
  CHECK(images.has_layer(layers[3]));
  CHECK(images.prune_cache(0, {layers[3]}) == 10);
  CHECK(images.has_layer(layers[3]));
  CHECK(images.has_layer(named.layers.front()));
  CHECK(images.find("app"));
}

TEST_CASE_METHOD(Fixture, "images without a name go with their layers, bases too") {
  Images images(locations);
  const Image unnamed = image(images, "unnamed", {});
  const Suite suite{"debian", "bookworm"};
  Image base;
  base.layers = {layer(images, "base")};
  base = images.complete(base);
  store::write_record(base_record(locations, suite), base);
  CHECK(images.prune_cache(0, {unnamed.layers.front()}) == 4);
  CHECK(images.find(unnamed.id));
  CHECK_FALSE(images.find("debian:bookworm"));
  CHECK(images.prune_cache(0, {}) == 7);
  CHECK_FALSE(images.find(unnamed.id));
  CHECK(all_layers(locations).empty());
}

TEST_CASE_METHOD(Fixture, "nothing is pruned while a build runs, or when nobody knows what is needed") {
  Images builder(locations);
  const Image named = image(builder, "named", {"app"});
  Images other(locations);
  CHECK_THROWS_WITH(other.prune_cache(0, {}), Contains("build is running"));
  store::write_file_atomically(image_record(locations, named.id), "{");
  CHECK_THROWS_AS(builder.prune_cache(0, {}), base::Error);
  CHECK(builder.has_layer(named.layers.front()));
}

}  // namespace
