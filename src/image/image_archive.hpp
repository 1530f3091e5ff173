// An image as it leaves the machine: an OCI image layout (image-layout.md of the OCI image specification), as a
// directory or as a tar archive, which may be one for `docker load` as well. The same image gives the same bytes.
#pragma once

#include "image/compression.hpp"
#include "image/image.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace conductor::image {

struct ArchiveOptions {
  std::vector<Reference> names;
  Compression compression = Compression::none;
  bool docker = false;  // with manifest.json
  // Told of bytes written, of all of them; what it throws ends the writing.
  std::function<void(std::int64_t current, std::int64_t total)> progress;
};

// Both return the manifest's digest, "sha256:…", and throw Error when a layer is not what its digest says.
std::string write_image_archive(const Images& images, const Image& image, const ArchiveOptions& options, int file);
// Into a directory that may hold other images' blobs; index.json is replaced last.
std::string write_image_layout(const Images& images, const Image& image, const ArchiveOptions& options,
                               const std::string& directory);

}  // namespace conductor::image
