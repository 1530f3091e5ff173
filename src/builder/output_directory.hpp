// The files of an image in a directory of the user's.
#pragma once

#include "linux/root_fd.hpp"

#include <string>

namespace conductor::builder {

// Copies the tree into the directory, which is made when absent: owners, modes, times, links and attributes are kept.
// What is there already stays, unless it has the name of a file of the tree: then it is replaced. Links in the
// directory are replaced, never followed. All is copied before anything is replaced; a file that would replace a
// directory refuses the whole.
void write_directory(const linux::RootFd& tree, const std::string& directory);

}  // namespace conductor::builder
