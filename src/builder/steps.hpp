// Steps that make layers, as values: everything expanded and decided, nothing done yet. What a step's cache key is made
// of and what its execution needs is here, so that a new kind of step is one struct, one key and one way to perform it.
#pragma once

#include "builder/builder.hpp"
#include "builder/modes.hpp"
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
  std::string security;                  // --security as written; empty: sandbox
  std::vector<std::string> add_hosts;    // "NAME:ADDRESS"
  std::vector<parser::RunMount> mounts;  // targets absolute
};

// A source that stands in the Conductorfile itself.
struct InlineFile {
  std::string name;
  std::string content;
};

// COPY and ADD.
struct CopyStep {
  Origin from;
  std::vector<std::string> sources;  // patterns; of ADD also URLs; in the order written
  std::vector<InlineFile> inline_files;
  std::string destination;  // absolute; ends in "/" when it is meant as a directory
  std::string chown;        // "user[:group]" as written; empty: root, or as in the stage or image it comes from
  std::optional<ModeChange> chmod;
  std::vector<std::string> exclude;  // patterns of what is left out
  bool parents = false;              // directories above a source are kept
  bool link = false;                 // the layer is made on nothing, and is the same on every other one
  // Of ADD alone.
  bool add = false;
  std::optional<bool> unpack;    // archives; nothing: those of the context, not those of URLs
  std::optional<bool> keep_git;  // .git of a repository
  std::string checksum;          // "sha256:…" of a download, or (the beginning of) a commit
};

struct WorkdirStep {
  std::string path;  // absolute
  std::string user;  // "user[:group]": owner of the directories that are made; empty: root
};

}  // namespace conductor::builder
