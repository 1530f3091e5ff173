// A build cache in a directory that can be carried elsewhere: `--cache-to` and `--cache-from`.
//
//   cache.json          what there is: steps and their layers
//   blobs/sha256/…      layers as archives, named by their digests
#pragma once

#include "image/image.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace conductor::image {

// Makes the steps in the directory known: find_step takes one when it is asked for, and its layer becomes one of the
// store after its digest has been checked. Returns how many there are; a directory that is absent has none. Who may
// write the directory decides what a build takes for the result of a step.
std::size_t import_cache(Images& images, const std::string& directory);

// Writes the layers of those steps, as far as they are not there, then the list of them; then removes blobs that are
// not on it. Keys that are no cached steps are left out.
void export_cache(const Images& images, const std::string& directory, const std::vector<std::string>& keys);

}  // namespace conductor::image
