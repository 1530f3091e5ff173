#include "cli/streams.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "linux/terminal.hpp"
#include "store/settings.hpp"

#include <unistd.h>

#include <algorithm>

namespace conductor::cli {

bool on_terminal() { return linux::is_terminal(STDIN_FILENO) && linux::is_terminal(STDOUT_FILENO); }

void require_terminal() {
  if (linux::is_terminal(STDIN_FILENO)) return;
  throw base::Error("standard input is no terminal").with_hint("leave out -t, or run it from a terminal");
}

void AttachOptions::declare_keys(Options& options) {
  options.option("--detach-keys", keys_, "keys that leave it running, ctrl-p,ctrl-q by default", "KEYS");
}

void AttachOptions::declare_signals(Options& options) {
  options.flag("--sig-proxy", pass_signals_, "pass signals on when it has no terminal, as always; =false: do not");
}

void AttachOptions::declare_streams(Options& options) {
  options.option("-a,--attach", streams_, "only that one, stdin, stdout or stderr; may be repeated", "STREAM");
}

std::string AttachOptions::keys() const {
  if (keys_) return runtime::parse_detach_keys(*keys_);
  const auto setting = store::setting("detach_keys");
  if (!setting) return runtime::parse_detach_keys(runtime::default_detach_keys);
  const base::Context context(store::settings_file() + ": detach_keys");
  return runtime::parse_detach_keys(*setting);
}

runtime::ForegroundOptions AttachOptions::foreground(bool terminal, bool input) const {
  runtime::ForegroundOptions options;
  std::vector<std::string> wanted;
  for (const auto& stream : streams_) {
    wanted.push_back(base::lower(stream));
    if (wanted.back() != "stdin" && wanted.back() != "stdout" && wanted.back() != "stderr")
      throw base::Error("option --attach takes stdin, stdout or stderr, not '" + base::escape_control(stream) + "'")
          .with_exit_code(base::exit_usage);
  }
  const auto wants = [&](const char* stream) {
    return wanted.empty() || std::ranges::find(wanted, stream) != wanted.end();
  };
  if (!input || !wants("stdin")) options.streams.input = -1;
  if (!wants("stdout")) options.streams.output = -1;
  if (!wants("stderr")) options.streams.error = -1;
  options.terminal = terminal;
  options.pass_signals = pass_signals_;
  options.detach_keys = keys();
  return options;
}

}  // namespace conductor::cli
