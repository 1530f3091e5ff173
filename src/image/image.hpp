// Images: names, records, layers, bootstrapped bases. Nothing is mounted here: a container gets a list of lower
// directories.
#pragma once

#include "base/fields.hpp"
#include "linux/cancellation.hpp"
#include "store/locations.hpp"
#include "store/lock.hpp"
#include "store/records.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace conductor::image {

// HEALTHCHECK; docker's extension of the OCI configuration. Times in nanoseconds; 0: the default.
struct Healthcheck {
  std::vector<std::string> test;  // "NONE" | "CMD", words… | "CMD-SHELL", text; empty: as the base image
  std::int64_t interval = 0, timeout = 0, start_period = 0, start_interval = 0;
  int retries = 0;

  bool operator==(const Healthcheck&) const = default;
};
template <base::Is<Healthcheck> S, class V>
void fields(S& s, V&& v) {
  v("Test", s.test), v("Interval", s.interval), v("Timeout", s.timeout), v("StartPeriod", s.start_period);
  v("StartInterval", s.start_interval), v("Retries", s.retries);
}

// What a container of the image starts with unless told otherwise; the names of the OCI image specification.
struct Config {
  std::string user;
  std::vector<std::string> env;  // "NAME=value", in order, names unique
  std::optional<std::vector<std::string>> entrypoint, cmd;
  std::string working_dir;
  std::vector<std::string> exposed_ports;  // "8080/tcp", sorted
  std::map<std::string, std::string> labels;
  std::string stop_signal;
  std::vector<std::string> volumes;   // paths, sorted
  std::vector<std::string> shell;     // empty: /bin/sh -c
  std::vector<std::string> on_build;  // triggers, as parser::Onbuild
  std::optional<Healthcheck> healthcheck;

  bool operator==(const Config&) const = default;
};
template <base::Is<Config> S, class V>
void fields(S& s, V&& v) {
  v("User", s.user), v("Env", s.env), v("Entrypoint", s.entrypoint), v("Cmd", s.cmd), v("WorkingDir", s.working_dir);
  v("ExposedPorts", s.exposed_ports), v("Labels", s.labels), v("StopSignal", s.stop_signal);
  v("Volumes", s.volumes), v("Shell", s.shell), v("OnBuild", s.on_build), v("Healthcheck", s.healthcheck);
}

// How one instruction made the image, as `history` shows it.
struct History {
  std::int64_t created = 0;  // unix seconds; 0: unknown
  std::string created_by;    // "RUN make # builder"; never holds a secret
  std::string comment;
  bool empty_layer = false;

  bool operator==(const History&) const = default;
};
template <base::Is<History> S, class V>
void fields(S& s, V&& v) {
  v("created", s.created), v("created_by", s.created_by), v("comment", s.comment), v("empty_layer", s.empty_layer);
}

struct Image {
  std::string id;                   // 64 hex: SHA-256 of the OCI configuration document (oci_config.hpp)
  std::vector<std::string> layers;  // lowest first
  Config config;
  std::string architecture, os = "linux";
  std::string author;
  std::vector<History> history;
  std::int64_t created = 0;  // unix nanoseconds; 0: when its newest layer was made
  std::int64_t size = 0;     // bytes of file content in all layers
};
template <base::Is<Image> S, class V>
void fields(S& s, V&& v) {
  v("id", s.id), v("layers", s.layers), v("config", s.config), v("architecture", s.architecture), v("os", s.os);
  v("author", s.author), v("history", s.history), v("created", s.created), v("size", s.size);
}

// A name as people write it: "counter", "team/app:1.2", "debian:bookworm"; the tag is "latest" when left out. A base of
// a dated archive, "debian:bookworm@20260901", has the time in its tag: "bookworm@20260901T000000Z".
struct Reference {
  std::string name;
  std::string tag = "latest";
  // NOLINTNEXTLINE(readability-redundant-member-init): for those who give the first two alone
  std::string digest = {};                               // "sha256:" and 64 digits, which the image must have; or empty
  std::string text() const { return name + ":" + tag; }  // without the digest
  bool operator==(const Reference&) const = default;
  auto operator<=>(const Reference&) const = default;
};
// [host[:port]/]name[:tag][@sha256:…], or [:suite]@YYYYMMDD[THHMMSSZ] of debian and ubuntu. Lower-case names with
// separators . _ - /. Throws Error saying what a reference looks like.
Reference parse_reference(const std::string& text);

// One line of `images`.
struct Listed {
  Reference reference;  // empty name: an image without one
  Image image;
};

// Told what a long step is doing. Lines are whole sentences without line ends.
using Progress = std::function<void(const std::string& line)>;

// Where two layers differ first, and how: "content, from byte 7 on", "mode 0644 and 0600", "only the first time" …
struct LayerDifference {
  std::string path;  // "/usr/bin/x"
  std::string how;
};

// What layers take on disk, in bytes of file content.
struct CacheUsage {
  std::int64_t named = 0;        // layers of named images, and of bases under them
  std::int64_t cached = 0;       // all others: steps of builds, bases, images without a name
  std::int64_t reclaimable = 0;  // of those, what no container uses
  std::size_t named_layers = 0, cached_layers = 0;
  std::size_t steps = 0;  // that a build need not do again
};

// A step in a cache elsewhere (cache_archive.hpp).
struct ImportedStep {
  std::string blob;          // path of its layer's archive
  std::string diff_id;       // that the layer must have
  std::int64_t created = 0;  // unix seconds
};

// A layer being made: an empty directory in overlay form and a work directory on the same file system, removed with
// this object unless committed.
class LayerDraft {
 public:
  explicit LayerDraft(const store::Locations& locations);
  std::string upper() const { return tree_.path() + "/upper"; }
  std::string work() const { return tree_.path() + "/work"; }

 private:
  friend class Images;
  store::Lock in_use_;  // keeps remove_cache out
  store::TemporaryTree tree_;
};

class Images {
 public:
  explicit Images(store::Locations locations);

  // By reference, id or unique id prefix (at least 4 digits); nothing when there is none, Error when ambiguous or when
  // the name's image is not the one whose digest is asked for.
  std::optional<Image> find(const std::string& name) const;
  // As find, then a bootstrapped base for an unqualified debian:SUITE or ubuntu:SUITE, made when missing (minutes).
  // "scratch" is the image without layers. Throws Error "no such image" with what was probably meant, and "interrupted"
  // when a bootstrap is cancelled.
  Image resolve(const std::string& name, const Progress& progress, const linux::Cancellation* cancellation = nullptr);

  // Makes the image visible and gives it the names; a name that exists moves. Computes id and size, and when it was
  // made unless that is given. Durable when it returns. A name with a digest or a date is refused.
  Image save(Image image, const std::vector<Reference>& names);
  void tag(const Image& image, const Reference& name);
  // With id and size, as save computes them, but not visible.
  Image complete(Image image) const;

  std::vector<Listed> list() const;  // sorted by name, then tag
  // Takes a name away, or by id all names, and the image with its last name. `in_use(image id)` says which container
  // uses it: refused with its name. Layers stay until prune. Returns lines "Untagged: …", "Deleted: …".
  std::vector<std::string> remove(const std::string& name,
                                  const std::function<std::optional<std::string>(const std::string& image)>& in_use);

  // Directories of the image's layers, topmost first and each once, as overlayfs takes them.
  std::vector<std::string> lower_directories(const Image& image) const;

  // The draft's upper directory becomes a layer by rename: syncfs, rename, fsync of the directory. Returns its id, the
  // first 32 digits of its diff id: the same content with the same times is the same layer, in every store. Times later
  // than `newest` (unix seconds) are set to it.
  std::string commit(LayerDraft draft, std::optional<std::int64_t> newest = std::nullopt);
  // "sha256:" and 64 digits: the digest of the layer as an uncompressed tar archive (layer_archive.hpp).
  std::string diff_id(const std::string& layer) const;
  std::string layer_directory(const std::string& layer) const;  // in overlay form; not to be changed
  std::string temporary_directory() const { return locations_.temporary(); }
  bool has_layer(const std::string& layer) const;
  std::int64_t layer_size(const std::string& layer) const;

  // How the content of two layers differs first, in the order of their archives; nothing when they are the same.
  std::optional<LayerDifference> first_difference(const std::string& first, const std::string& second) const;

  // Build cache: step key (64 hex) → layer. find_step answers only layers that are whole, and remembers that the step
  // was of use; a step of an imported cache is taken from there.
  std::optional<std::string> find_step(const std::string& key) const;
  void remember_step(const std::string& key, const std::string& layer);
  void add_imported(std::map<std::string, ImportedStep> steps);  // by key
  std::int64_t layer_created(const std::string& layer) const;    // unix seconds

  // Layers, cache entries and bases that no image in `keep_layers` and no name needs; bytes freed. (`rmcache`)
  // Throws when a container uses a layer that would go.
  std::int64_t remove_cache(const std::vector<std::string>& layers_of_containers);

  CacheUsage cache_usage(const std::vector<std::string>& layers_of_containers = {}) const;
  // Removes what was of use longest ago until the cache is no larger than `keep_bytes`: steps, bases and images without
  // a name, with their layers; never what a named image or a container needs. Bytes freed. Throws when a build runs.
  std::int64_t prune_cache(std::int64_t keep_bytes, const std::vector<std::string>& layers_of_containers);

 private:
  // What a layer from elsewhere must be, and when it was made.
  struct Expected {
    std::string diff_id;
    std::int64_t created = 0;
  };
  std::string place(LayerDraft draft, const std::optional<Expected>& expected,
                    std::optional<std::int64_t> newest = std::nullopt) const;
  std::optional<std::string> imported_step(const std::string& key) const;
  void hold_layers() const;
  store::Lock hold_cache_alone();

  store::Locations locations_;
  // Held, shared, from the first layer that this object has made or taken from the cache: remove_cache of other
  // processes is refused until a name needs what was built.
  mutable std::optional<store::Lock> layers_in_use_;
  mutable std::mutex mutex_;  // of layers_in_use_: stages are built in parallel
  mutable std::map<std::string, ImportedStep> imported_;
  mutable std::mutex imported_mutex_;  // of imported_, and held while a layer is taken from there
};

// Which debootstrap suite an unqualified reference names, if any: debian:bookworm, ubuntu:noble. "debian:latest" is the
// suite of this host's release; unknown suites are refused by debootstrap's own list of scripts.
struct Suite {
  std::string distribution;
  std::string name;
  // NOLINTNEXTLINE(readability-redundant-member-init): for those who give the first two alone
  std::string snapshot = {};  // "20260901T000000Z": as the archive was then; empty: as it is
  // As a reference has it: "debian:bookworm@20260901T000000Z".
  std::string text() const { return distribution + ":" + name + (snapshot.empty() ? "" : "@" + snapshot); }
};
std::optional<Suite> suite_of(const Reference& reference);

// The machine's architecture in OCI's words: "amd64", "arm64".
std::string native_architecture();

}  // namespace conductor::image
