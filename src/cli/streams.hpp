// The program's own streams and terminal, as a container gets them; and the words of docker's that are about them.
#pragma once

#include "cli/options.hpp"
#include "runtime/foreground.hpp"

#include <optional>
#include <string>
#include <vector>

namespace conductor::cli {

bool on_terminal();  // standard input and output both are one
// Throws Error when standard input is no terminal although -t and -i were given.
void require_terminal();

// --detach-keys, and for those who stay with a container --sig-proxy and -a STREAM.
class AttachOptions {
 public:
  void declare_keys(Options& options);
  void declare_signals(Options& options);
  void declare_streams(Options& options);

  bool names_streams() const { return !streams_.empty(); }
  // Those of the option, else of the machine's setting; bytes. Throws Error.
  std::string keys() const;
  // `input`: standard input is passed on. Throws Error, exit code 125, for words that do not fit.
  runtime::ForegroundOptions foreground(bool terminal, bool input) const;

 private:
  std::optional<std::string> keys_;
  bool pass_signals_ = true;
  std::vector<std::string> streams_;
};

}  // namespace conductor::cli
