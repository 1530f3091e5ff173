// Steps that make layers, as values: everything expanded and decided, nothing done yet. What a step's cache key is made
// of and what its execution needs is here, so that a new kind of step is one struct, one key and one way to perform it.
#pragma once

#include "builder/builder.hpp"
#include "builder/stages.hpp"

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace conductor::builder {

struct RunStep {
  std::vector<std::string> arguments;    // of the process
  std::string script;                    // a here-document with "#!": becomes a file that is run; else empty
  std::vector<std::string> environment;  // arguments and ENV, "NAME=value"
  std::vector<std::string> proxies;      // also in its environment, but not in its key
  std::string user;
  std::string working_directory;
  NetworkChoice network = NetworkChoice::standard;
  std::vector<parser::RunMount> mounts;  // targets absolute
};

// A source that stands in the Conductorfile itself.
struct InlineFile {
  std::string name;
  std::string content;
};

struct CopyStep {
  Origin from;
  std::vector<std::string> sources;  // patterns, in the order written
  std::vector<InlineFile> inline_files;
  std::string destination;  // absolute; ends in "/" when it is meant as a directory
  std::string chown;        // "user[:group]" as written; empty: see Ownership
  std::optional<mode_t> chmod;
};

struct WorkdirStep {
  std::string path;  // absolute
};

}  // namespace conductor::builder
