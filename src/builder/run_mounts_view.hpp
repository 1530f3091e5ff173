// A directory without what the ignore rules leave out, without copying it: a layer of whiteouts to be laid over it.
#pragma once

#include "builder/selection.hpp"
#include "linux/root_fd.hpp"

#include <string>

namespace conductor::builder {

// Makes, in the empty directory `layer`, what hides all of `root`'s directory `selected` that it does not list; the
// directories in it look like those they are laid over. False when there is nothing to hide.
bool hide_unselected(const linux::RootFd& root, const Selected& selected, const std::string& layer);

}  // namespace conductor::builder
