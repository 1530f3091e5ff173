// The way back: an archive that layer_archive.hpp has written becomes a layer directory again. Only that form is
// understood, so that little can go wrong with bytes from elsewhere; whoever reads compares the digest of what came
// out.
#pragma once

#include <string>

namespace conductor::image {

// Reads to the end of `file`, from its offset, into an empty directory of ours. Nothing outside of it is ever named:
// every entry must be in a directory that the archive has just made. Throws Error for anything else; what is there then
// is incomplete. Needs root.
void read_layer(int file, const std::string& directory);

}  // namespace conductor::image
