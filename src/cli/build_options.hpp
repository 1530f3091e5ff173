// The words of `conductor build`: what the builder is to do, and what is done with the result.
#pragma once

#include "cli/build_words.hpp"
#include "cli/commands.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace conductor::cli {

enum class ProgressKind { automatic, plain, terminal, json, quiet };

// What was asked for, complete and checked.
struct BuildRequest {
  builder::BuildOptions options;
  BuildCall call;
  ProgressKind progress = ProgressKind::automatic;
  std::string id_file, metadata_file;  // empty: none
  bool verify = false;
  bool result_on_stdout = true;  // false: an archive goes there
};

// Declares build's options; call `read` once the invocation is parsed. Must outlive the parsing.
class BuildWords {
 public:
  void declare(Options& options);
  // Throws base::Error (exit code 125) for what does not fit together.
  BuildRequest read(const Surroundings& around) const;

 private:
  builder::BuildOptions plain_;
  std::vector<std::string> arguments_, labels_, contexts_, secrets_, ssh_, filters_, cache_from_, cache_to_, hosts_,
      ulimits_, outputs_, platforms_, allowed_, words_;
  std::optional<std::int64_t> shm_size_;
  std::optional<std::string> progress_, call_;
  std::string network_ = "default", id_file_, metadata_file_, provenance_, attestation_;
  bool quiet_ = false, check_ = false, load_ = false, verify_ = false;
  bool ignored_ = false;  // of flags that mean nothing here

  void declare_inputs(Options& options);
  void declare_steps(Options& options);
  void declare_results(Options& options);
  void declare_others(Options& options);
  void read_context(builder::BuildOptions& wanted, const Surroundings& around) const;
  void read_steps(builder::BuildOptions& wanted, const Surroundings& around) const;
  void read_results(BuildRequest& request, const Surroundings& around) const;
  ProgressKind progress_kind(const Surroundings& around) const;
};

}  // namespace conductor::cli
