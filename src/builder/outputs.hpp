// What `build -o` makes of an image: files, an archive of them, or an archive of the image.
#pragma once

#include "builder/builder.hpp"
#include "engine/engine.hpp"
#include "image/image.hpp"

#include <string>

namespace conductor::builder {

// Writes all outputs but those to the store. Each is there whole or not at all; files of a directory are replaced one
// by one when all of them are there. Returns the manifest's digest, "sha256:…", of the first oci or docker output, else
// an empty string. `image` is complete; its names are options.tags.
std::string write_outputs(engine::Engine& engine, const image::Image& image, const BuildOptions& options,
                          const Listener& listener);

// Refuses, before anything is built, what cannot be written: no destination, a compression that is unknown, an archive
// for a terminal.
void check_outputs(const std::vector<Output>& outputs);

}  // namespace conductor::builder
