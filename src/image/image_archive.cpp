#include "image/image_archive.hpp"

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/sha256.hpp"
#include "image/digest_thread.hpp"
#include "image/layer_archive.hpp"
#include "image/oci_config.hpp"
#include "image/tar_header.hpp"
#include "store/records.hpp"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>
#include <utility>

namespace conductor::image {
namespace {

using base::Error;
using base::Json;

constexpr const char* config_type = "application/vnd.oci.image.config.v1+json";
constexpr const char* layer_type = "application/vnd.oci.image.layer.v1.tar";
constexpr const char* manifest_type = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* index_type = "application/vnd.oci.image.index.v1+json";
constexpr std::string_view algorithm = "sha256:";

std::string digest_of(std::string_view bytes) { return std::string(algorithm) + base::sha256_hex(bytes); }
std::string blob_path(const std::string& digest) { return "blobs/sha256/" + digest.substr(algorithm.size()); }

// A file without a name, gone with its descriptor.
linux::Fd nameless_file(const std::string& directory) { return linux::open_file(directory, O_TMPFILE | O_RDWR, 0600); }

// One file of a layout, known by its size before it is written.
struct Part {
  std::int64_t size = 0;
  std::string text;                 // its content, or
  std::string layer;                // the layer whose archive it is, or
  const linux::Fd* file = nullptr;  // the file that has it
};

struct LayerBlob {
  std::string digest;
  std::int64_t size = 0;
  linux::Fd file;  // when it is compressed
};

class Layout {
 public:
  Layout(const Images& images, const Image& image, const ArchiveOptions& options)
      : images_(images), image_(image), options_(options) {
    for (const auto& layer : image.layers) add_layer(layer);
    add_documents();
    for (const auto& [path, part] : parts_) total_ += part.size;
  }

  const std::map<std::string, Part>& parts() const { return parts_; }
  const std::string& manifest_digest() const { return manifest_digest_; }

  void write(const Part& part, int file) {
    if (part.file != nullptr)
      copy(*part.file, part.size, file);
    else if (!part.layer.empty())
      write_layer(part, file);
    else
      linux::write_all(file, part.text);
    if (part.layer.empty()) advance(part.size);
  }

 private:
  void add_layer(const std::string& layer) {
    if (!blobs_.contains(layer)) {
      LayerBlob blob = options_.compression == Compression::none ? plain(layer) : compress(layer);
      blobs_.emplace(layer, std::move(blob));
    }
    const LayerBlob& blob = blobs_.at(layer);
    Part part{blob.size, {}, blob.file ? "" : layer, blob.file ? &blob.file : nullptr};
    parts_.emplace(blob_path(blob.digest), std::move(part));
  }

  LayerBlob plain(const std::string& layer) const {
    return {images_.diff_id(layer), archive_size(root_of(layer), ArchiveForm::layer), {}};
  }

  // Its digest and size are known only when it is done, so it is written aside.
  LayerBlob compress(const std::string& layer) const {
    LayerBlob blob;
    blob.file = nameless_file(images_.temporary_directory());
    base::Sha256 digest;
    const auto compressor = Compressor::make(options_.compression, [&](std::string_view bytes) {
      digest.update(bytes);
      linux::write_all(blob.file.get(), bytes);
      blob.size += static_cast<std::int64_t>(bytes.size());
    });
    archive(layer, [&](std::string_view bytes) {
      if (options_.progress) options_.progress(0, 0);
      compressor->take(bytes);
    });
    compressor->finish();
    blob.digest = std::string(algorithm) + digest.hex();
    return blob;
  }

  linux::RootFd root_of(const std::string& layer) const { return linux::RootFd::open(images_.layer_directory(layer)); }

  // The layer's bytes, which must have its digest.
  void archive(const std::string& layer, const ArchiveSink& sink) const {
    DigestThread digest;
    write_archive(root_of(layer), ArchiveForm::layer, [&](std::string_view bytes) {
      digest.take(bytes);
      if (!bytes.empty()) sink(bytes);
    });
    const std::string found = std::string(algorithm) + digest.finish();
    if (const std::string expected = images_.diff_id(layer); found != expected)
      throw Error("the layer " + layer + " has been changed: it is " + found + " instead of " + expected)
          .with_hint("remove the image and 'conductor rmcache', then build it again");
  }

  void write_layer(const Part& part, int file) {
    archive(part.layer, [&](std::string_view bytes) {
      linux::write_all(file, bytes);
      advance(static_cast<std::int64_t>(bytes.size()));
    });
  }

  static void copy(const linux::Fd& from, std::int64_t size, int to) {
    off_t offset = 0;
    while (offset < size) {
      const ssize_t count = sendfile(to, from.get(), &offset, static_cast<std::size_t>(size - offset));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) throw Error::from_errno("cannot write the archive");
    }
  }

  void advance(std::int64_t bytes) {
    written_ += bytes;
    if (options_.progress) options_.progress(written_, total_);
  }

  // --- documents

  static Json descriptor(const std::string& type, const std::string& digest, std::int64_t size) {
    Json json = Json::object();
    json.set("mediaType", type);
    json.set("digest", digest);
    json.set("size", size);
    return json;
  }

  void add_text(const std::string& path, std::string text) {
    const auto size = static_cast<std::int64_t>(text.size());
    parts_[path] = Part{size, std::move(text), {}, nullptr};
  }

  Json add_document(const char* type, const std::string& text) {
    const std::string digest = digest_of(text);
    add_text(blob_path(digest), text);
    return descriptor(type, digest, static_cast<std::int64_t>(text.size()));
  }

  std::string layer_media_type() const {
    switch (options_.compression) {
      case Compression::gzip:
        return std::string(layer_type) + "+gzip";
      case Compression::zstd:
        return std::string(layer_type) + "+zstd";
      case Compression::none:
        break;
    }
    return layer_type;
  }

  void add_documents() {
    std::vector<std::string> diff_ids;
    Json layers = Json::array();
    for (const auto& layer : image_.layers) {
      diff_ids.push_back(images_.diff_id(layer));
      layers.add(descriptor(layer_media_type(), blobs_.at(layer).digest, blobs_.at(layer).size));
    }
    const Json config = add_document(config_type, oci_config(image_, diff_ids));
    Json manifest = Json::object();
    manifest.set("schemaVersion", 2);
    manifest.set("mediaType", manifest_type);
    manifest.set("config", config);
    manifest.set("layers", std::move(layers));
    const Json described = add_document(manifest_type, manifest.dump());
    manifest_digest_ = *described.find("digest")->string();
    add_text("index.json", index(described).dump());
    add_text("oci-layout", R"({"imageLayoutVersion":"1.0.0"})");
    if (options_.docker) add_text("manifest.json", docker_manifest(*config.find("digest")->string()).dump());
  }

  // One entry a name, or one without.
  Json index(Json described) const {
    Json platform = Json::object();
    platform.set("architecture", image_.architecture);
    platform.set("os", image_.os);
    described.set("platform", std::move(platform));
    Json manifests = Json::array();
    for (const auto& name : options_.names) {
      Json annotations = Json::object();
      annotations.set("io.containerd.image.name", name.text());
      annotations.set("org.opencontainers.image.ref.name", name.tag);
      Json named = described;
      named.set("annotations", std::move(annotations));
      manifests.add(std::move(named));
    }
    if (options_.names.empty()) manifests.add(std::move(described));
    Json json = Json::object();
    json.set("schemaVersion", 2);
    json.set("mediaType", index_type);
    json.set("manifests", std::move(manifests));
    return json;
  }

  Json docker_manifest(const std::string& config_digest) const {
    Json names = Json::array();
    for (const auto& name : options_.names) names.add(name.text());
    Json layers = Json::array();
    for (const auto& layer : image_.layers) layers.add(blob_path(blobs_.at(layer).digest));
    Json entry = Json::object();
    entry.set("Config", blob_path(config_digest));
    entry.set("RepoTags", std::move(names));
    entry.set("Layers", std::move(layers));
    Json json = Json::array();
    json.add(std::move(entry));
    return json;
  }

  const Images& images_;
  const Image& image_;
  const ArchiveOptions& options_;
  std::map<std::string, LayerBlob> blobs_;  // by layer
  std::map<std::string, Part> parts_;       // by path, in the order of the archive
  std::string manifest_digest_;
  std::int64_t written_ = 0, total_ = 0;
};

void write_header(int file, const std::string& name, TarType type, std::int64_t size) {
  TarEntry entry;
  entry.name = name;
  entry.type = type;
  entry.mode = type == TarType::directory ? 0755 : 0644;
  entry.size = size;
  linux::write_all(file, tar_header(entry));
}

}  // namespace

std::string write_image_archive(const Images& images, const Image& image, const ArchiveOptions& options, int file) {
  const base::Context context("writing the image's archive");
  Layout layout(images, image, options);
  for (const char* directory : {"blobs/", "blobs/sha256/"}) write_header(file, directory, TarType::directory, 0);
  for (const auto& [path, part] : layout.parts()) {
    write_header(file, path, TarType::file, part.size);
    layout.write(part, file);
    linux::write_all(file, std::string(tar_padding(part.size), '\0'));
  }
  linux::write_all(file, std::string(tar_end, '\0'));
  return layout.manifest_digest();
}

std::string write_image_layout(const Images& images, const Image& image, const ArchiveOptions& options,
                               const std::string& directory) {
  const base::Context context("writing the image's layout to " + directory);
  Layout layout(images, image, options);
  for (const std::string& each : {directory, directory + "/blobs", directory + "/blobs/sha256"}) {
    if (access(each.c_str(), F_OK) == 0) continue;
    store::make_directory(each, 0755);
    if (chmod(each.c_str(), 0755) != 0) throw Error::from_errno("cannot set the mode of " + each);
  }
  // "blobs/…" comes before "index.json": what an index names is there.
  for (const auto& [path, part] : layout.parts()) {
    const std::string target = directory + "/" + path;
    const std::string temporary = target + ".tmp";
    const linux::Fd file = linux::open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644);
    try {
      layout.write(part, file.get());
      if (fchmod(file.get(), 0644) != 0) throw Error::from_errno("cannot set the mode of " + temporary);
      if (rename(temporary.c_str(), target.c_str()) != 0) throw Error::from_errno("cannot make " + target);
    } catch (...) {
      unlink(temporary.c_str());
      throw;
    }
  }
  return layout.manifest_digest();
}

}  // namespace conductor::image
