// The words this tool grew from, recognised beside docker's. Pure.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace conductor::cli {

inline constexpr const char* older_default_command = "/bin/bash";

// `run IMAGE NAME -- [CMD…]`: the second word is directly followed by `--`, and no --name is given.
struct OlderRun {
  std::string image, name;
  std::vector<std::string> command;  // the default command when none was given
};
std::optional<OlderRun> older_run(const std::vector<std::string>& words, bool name_given);

// `build NAME [FILE]`, beside `build [-t NAME] [-f FILE] CONTEXT`: recognised without -t and -f when there are two
// words, or when the one word is no directory and does not look like a path.
struct OlderBuild {
  std::string name, file;
};
std::optional<OlderBuild> older_build(const std::vector<std::string>& words, bool tag_or_file_given,
                                      const std::function<bool(const std::string&)>& is_directory);

// `exec NAME [-- CMD…]`: the command after the name, the `--` taken away.
struct ExecWords {
  std::string container;
  std::vector<std::string> command;
  bool older = false;  // then it is interactive when we are
};
ExecWords exec_words(const std::vector<std::string>& words);

// `addnetwork -e INNER-OUTER`: container port and host port, tcp. Throws Error for anything else.
struct OlderExpose {
  int container_port = 0, host_port = 0;
};
OlderExpose older_expose(const std::string& text);

}  // namespace conductor::cli
