// Trees as uncompressed tar archives (OCI image layer specification), byte for byte the same on every machine: their
// digests are the ids of layers. Names are sorted by their bytes, a directory before what is in it; times are whole
// seconds; owners are numbers; later names of a file are links to its first; holes are zeros; sockets are left out.
#pragma once

#include "linux/root_fd.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace conductor::image {

enum class ArchiveForm {
  // A layer directory in overlay form: a whiteout becomes an empty file ".wh.NAME", an opaque directory gets
  // ".wh..wh..opq". A file that is really called so is refused. The root is an entry, "./", only when it is not 0755
  // and root's, or has attributes.
  layer,
  // A merged tree. Never an entry for its root.
  tree,
  // A merged tree that others change meanwhile: what is gone when its turn comes is left out, and no device is opened
  // that has taken the name of a file.
  living,
};

// Takes the next bytes of an archive. They stay as they are until it has been called once more; the last call brings no
// bytes.
using ArchiveSink = std::function<void(std::string_view bytes)>;

// Writes the whole archive. Attributes kept are user.*, security.capability and access control lists. Follows no link.
// Returns the bytes of the files' content, each file counted once. Throws Error for what no archive can hold and for a
// file that shrinks meanwhile.
std::int64_t write_archive(const linux::RootFd& root, ArchiveForm form, const ArchiveSink& sink);

// One file or directory of a living tree, open with O_PATH, under that name; without a name what is in the directory.
std::int64_t write_file_archive(const linux::Fd& source, const std::string& name, const ArchiveSink& sink);

// How many bytes write_archive would write. Reads no content.
std::int64_t archive_size(const linux::RootFd& root, ArchiveForm form);

struct LayerDigest {
  std::string diff_id;    // "sha256:" and 64 digits
  std::int64_t size = 0;  // bytes of file content
};
LayerDigest digest_layer(const std::string& directory);

// Sets times of change that are later than `newest` (unix seconds) to it, of all entries and of the directory itself.
void clamp_times(const std::string& directory, std::int64_t newest);

}  // namespace conductor::image
