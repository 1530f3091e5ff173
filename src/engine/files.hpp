// Files in and out of containers (docker cp), by docker's rules of where they go. Every name of a container's is
// resolved inside its root; what its processes rename meanwhile leads nowhere else.
#pragma once

#include "engine/engine.hpp"
#include "volume/copy_tree.hpp"

#include <string>

namespace conductor::engine {

struct CopyOptions {
  bool archive = false;  // owners, set-id bits, devices and attributes as at the source
  bool follow = false;   // a link that is named as the source stands for what it leads to
};

// `inside` is a path of the container, with or without "/" at its beginning; `outside` one of this machine. Without
// `archive` what comes in is root's (of the container), what goes out the caller's. Throws Error for a source that is
// not there and a destination that does not fit, before anything is written.
volume::Copied copy_out(Engine& engine, const Container& container, const std::string& inside,
                        const std::string& outside, const CopyOptions& options);
volume::Copied copy_in(Engine& engine, const Container& container, const std::string& outside,
                       const std::string& inside, const CopyOptions& options);
// As tar archives, whose names begin with the last one of `inside`; owners are those in the archive.
void archive_out(Engine& engine, const Container& container, const std::string& inside, const CopyOptions& options,
                 int output);
// `inside` is a directory that is there. The archive is unpacked by conductor-transfer, beside the container.
volume::Copied archive_in(Engine& engine, const Container& container, int archive, const std::string& inside);

// The container's root file system as a tar archive, without what is mounted on it.
void export_tree(Engine& engine, const Container& container, int output);

}  // namespace conductor::engine
