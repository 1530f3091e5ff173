// The build context: the directory a build may read, the Conductorfile, and the rules of what is left out.
#pragma once

#include "builder/context_sources.hpp"
#include "builder/stages.hpp"
#include "linux/root_fd.hpp"
#include "parser/conductorfile.hpp"

#include <memory>
#include <string>

namespace conductor::builder {

struct BuildContext {
  std::string path;         // absolute, without links
  linux::RootFd root;       // nothing is read from the context but through it
  SourceFile file;          // the Conductorfile
  std::string ignore_file;  // where the rules stand, for messages; empty: there are none
  parser::IgnoreRules ignore;

  std::string identity;                            // see SourceTree
  std::string url, resolved;                       // of a context that was fetched; else empty
  std::shared_ptr<store::TemporaryTree> owner;     // of a tree made for this build
  std::shared_ptr<const linux::RootFd> file_root;  // nothing is included from outside of it: the context, or the
                                                   // directory of a Conductorfile that is not in the context
  std::string file_directory;                      // of the Conductorfile, below `file_root`; empty: its top
};

// `where`: a directory (or a link to one); "-": standard input, a tar archive or the text of a Conductorfile; a git
// URL; the http(s) URL of a tar archive or of a Conductorfile. A text comes with an empty context.
//
// `file` empty: Conductorfile, Dockerfile or dockerfile of the context. Otherwise a path as the user typed it, which
// may lie outside the context; where there is none, and for a context that is not a directory of his, a path in the
// context;
// "-": standard input; or an http(s) URL. Rules are read from FILE.dockerignore beside it, else from .conductorignore,
// else .dockerignore of the context. Throws base::Error naming what is missing and what was probably meant.
BuildContext open_context(const std::string& where, const std::string& file, const Fetching& fetching = {});

// A tree as a --build-context: with its own .conductorignore or .dockerignore, and no Conductorfile.
BuildContext context_without_file(SourceTree tree);

// Reads what INCLUDE names, relative to the directory of the including file. Lives on its own.
parser::Includer includer_of(const BuildContext& context);

}  // namespace conductor::builder
