// The commands of git(1) that get a tree, with nothing of this machine's configuration.
#pragma once

#include "transfer/protocol.hpp"

#include <string>

namespace conductor::transfer::program {

void require_git();  // throws Error with a hint when it is not installed
// The tree of the wanted commit in the directory and its repository in .git there. Returns the commit.
std::string fetch_and_checkout(const Request& request, const std::string& directory);
// Without user and password.
std::string shown_repository(const std::string& url);

}  // namespace conductor::transfer::program
