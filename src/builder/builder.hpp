// Conductorfile and context → image.
#pragma once

#include "builder/events.hpp"
#include "engine/engine.hpp"
#include "image/image.hpp"
#include "linux/cancellation.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace conductor::builder {

struct SecretSource {  // --secret id=ID[,src=FILE | ,env=NAME]
  std::string id;
  std::string file;         // absolute or relative to our directory; empty: `environment`
  std::string environment;  // name of a variable of ours
};
struct SshSource {  // --ssh ID[=SOCKET]
  std::string id;   // "default" when none is given
  std::string socket;
};
enum class OutputType { store, local, tar, oci, docker };
struct Output {  // -o type=local,dest=DIR
  OutputType type = OutputType::store;
  std::string destination;  // a directory (local), a file, or "-" for standard output
  std::string compression;  // oci, docker: "uncompressed" (default), "gzip" or "zstd"
  bool archive = true;      // oci: false makes a layout directory (tar=false)
};
enum class NetworkChoice { standard, none, host };

struct BuildOptions {
  std::string context;  // a directory, "-" (a tar archive or a Conductorfile on standard input), or a URL
  std::string file;     // empty: Conductorfile, Dockerfile or dockerfile of the context; "-": standard input
  std::map<std::string, std::string> contexts;  // --build-context: name → directory, image (docker-image://…) or URL
  std::vector<std::string> tags;                // references
  std::map<std::string, std::string> args;      // --build-arg
  std::map<std::string, std::string> labels;
  std::string target;  // stage; empty: the last
  std::vector<SecretSource> secrets;
  std::vector<SshSource> ssh;
  bool no_cache = false;
  std::vector<std::string> no_cache_filter;  // stages whose steps are executed
  bool pull = false;
  std::vector<std::string> cache_from, cache_to;  // directories
  NetworkChoice network = NetworkChoice::standard;
  std::vector<std::string> add_hosts;  // "NAME:ADDRESS"
  std::vector<monitor::ResourceLimit> limits;
  std::int64_t shm_size = 64 << 20;
  std::vector<Output> outputs;                    // empty: the store
  std::optional<std::int64_t> source_date_epoch;  // unix seconds
  bool strict = false;                            // no extension of ours
  bool lock = false;                              // write conductor.lock beside the Conductorfile
  bool locked = false;                            // refuse what differs from it
  linux::Cancellation* cancellation = nullptr;
};

// What was built, for --metadata-file and --iidfile.
struct BuildResult {
  image::Image image;
  std::string manifest_digest;  // "sha256:…" of an oci or docker output; else empty
};

// Throws base::SourceError for mistakes of the file (before anything is done), base::Error naming file:line for a step
// that fails (exit code in the message). A failed or cancelled build leaves nothing behind but the cached steps before
// it.
BuildResult build(engine::Engine& engine, const BuildOptions& options, const Listener& listener);

// Builds twice without the cache. Nothing when both gave the same; else what differs first: the step, and the file in
// it. (`build --verify`)
struct Difference {
  std::string step;  // "file:line: RUN …"
  std::string path;  // of the first file that differs
  std::string how;   // "content", "mode 0644 and 0600", "only the first time" …
};
std::optional<Difference> verify(engine::Engine& engine, const BuildOptions& options, const Listener& listener);

// `build --call=…`: text of the outline (the target's arguments, secrets, ssh), of the stages with their descriptions,
// or of the findings of the build checks; JSON when asked. Nothing is built.
std::string outline(const BuildOptions& options, bool json);
std::string targets(const BuildOptions& options, bool json);
struct CheckReport {
  std::string text;
  bool failed = false;  // exit code 1
};
CheckReport check(const BuildOptions& options, bool json);
std::string syntax_tree(const BuildOptions& options);

}  // namespace conductor::builder
