// The build context: the directory a build may read, the Conductorfile, and the rules of what is left out.
#pragma once

#include "builder/stages.hpp"
#include "linux/root_fd.hpp"
#include "parser/conductorfile.hpp"

#include <string>

namespace conductor::builder {

struct BuildContext {
  std::string path;         // absolute, without links
  linux::RootFd root;       // nothing is read from the context but through it
  SourceFile file;          // the Conductorfile
  std::string ignore_file;  // where the rules stand, for messages; empty: there are none
  parser::IgnoreRules ignore;
};

// `file` empty: Conductorfile, else Dockerfile, of the context; otherwise a path as the user typed it. Rules are read
// from FILE.dockerignore, else .conductorignore, else .dockerignore. Throws base::Error naming what is missing.
BuildContext open_context(const std::string& directory, const std::string& file);

}  // namespace conductor::builder
