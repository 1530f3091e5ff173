// What the sources of a COPY name, below a root nobody leaves: the context, a stage or an image.
#pragma once

#include "linux/root_fd.hpp"
#include "parser/conductorfile.hpp"

#include <sys/stat.h>

#include <optional>
#include <string>
#include <vector>

namespace conductor::builder {

struct InputFile {
  std::string path;    // below the root it is read from, without links
  std::string target;  // below the destination; empty: the destination directory itself
  struct stat status{};
  // Of a link: where it points; of a regular file: its content hash, once it is known; of a directory: the hash of its
  // attributes, empty without any.
  std::string content;
  std::optional<std::string> bytes;  // of a small file that was read for its hash: all of it, and it has no attributes
  // It was changed so shortly before it was hashed that a further change might leave no trace: its copy is hashed too.
  bool unsettled = false;
  std::string spooled;  // of a large one: where a copy of it lies, to be renamed; empty: nowhere
};

// One file or one directory with all that is in it. Links inside a directory are kept as links; a source that is a link
// itself stands for what it points to, inside the root.
struct Selected {
  bool directory = false;
  std::vector<InputFile> files;  // parents before children, names sorted; a file alone has its name as target
};

struct SelectionOptions {
  // --exclude: of paths as they are below the destination.
  parser::IgnoreRules exclude;
  // --parents: a source keeps the directories above it, up to the root or to a "/./" in the pattern. `**` stands for
  // any number of directories, and a link is kept as one.
  bool parents = false;
};
parser::IgnoreRules exclusion_rules(const std::vector<std::string>& patterns);

// All that a pattern names (Go's filepath.Match component by component), sorted; what the rules ignore is left out.
// A pattern without special characters that names nothing is an Error which says so; one with them just selects
// nothing. Sockets belong to a process, not to an image: left out.
std::vector<Selected> select_files(const linux::RootFd& root, const parser::IgnoreRules& rules,
                                   const std::string& pattern, const SelectionOptions& options = {});
bool has_wildcard(const std::string& pattern);

// The path with every link in it replaced, as if the root were "/"; relative, "" for the root itself. A component that
// is missing: nothing, or with `may_miss` the rest as written. For decisions by name: what is then opened goes through
// RootFd.
std::optional<std::string> canonical_path(const linux::RootFd& root, const std::string& path, bool may_miss = false);

}  // namespace conductor::builder
