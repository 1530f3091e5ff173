#include "cli/older_forms.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/units.hpp"

namespace conductor::cli {

std::optional<OlderRun> older_run(const std::vector<std::string>& words, bool name_given) {
  constexpr std::size_t fixed = 3;  // image, name, --
  if (name_given || words.size() < fixed || words[2] != "--") return std::nullopt;
  OlderRun run{words[0], words[1], {words.begin() + fixed, words.end()}};
  if (run.command.empty()) run.command = {older_default_command};
  return run;
}

std::optional<OlderBuild> older_build(const std::vector<std::string>& words, bool tag_or_file_given,
                                      const std::function<bool(const std::string&)>& is_directory) {
  if (tag_or_file_given || words.empty() || words.size() > 2) return std::nullopt;
  const std::string& first = words.front();
  if (words.size() == 2) return OlderBuild{first, words[1]};
  const bool looks_like_path = first.starts_with('.') || first.starts_with('/') || first == "-";
  if (looks_like_path || is_directory(first)) return std::nullopt;
  return OlderBuild{first, {}};
}

ExecWords exec_words(const std::vector<std::string>& words) {
  ExecWords exec{words.front(), {words.begin() + 1, words.end()}, false};
  if (!exec.command.empty() && exec.command.front() == "--") {
    exec.older = true;
    exec.command.erase(exec.command.begin());
  }
  if (exec.command.empty()) {
    exec.older = true;
    exec.command = {older_default_command};
  }
  return exec;
}

OlderExpose older_expose(const std::string& text) {
  constexpr std::int64_t largest_port = 65535;
  const auto dash = text.find('-');
  if (dash != std::string::npos) {
    const auto inner = base::parse_number(text.substr(0, dash), largest_port);
    const auto outer = base::parse_number(text.substr(dash + 1), largest_port);
    if (inner && outer && *inner > 0 && *outer > 0) return {static_cast<int>(*inner), static_cast<int>(*outer)};
  }
  throw base::Error("'" + base::escape_control(text) +
                    "' is not CONTAINERPORT-HOSTPORT, two numbers from 1 to 65535 such as 8080-3000")
      .with_exit_code(base::exit_usage);
}

}  // namespace conductor::cli
