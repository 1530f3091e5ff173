// Which file a process executes, and its environment.
#pragma once

#include "monitor/protocol.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace conductor::monitor {

inline constexpr const char* default_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// The environment of `process`, with PATH and HOME, and TERM for a terminal, where it does not set them. Pure.
std::vector<std::string> complete_environment(const Process& process, const std::string& home);

// The files `name` may mean, in order: itself when it holds a slash, else one per absolute directory of PATH. Pure.
std::vector<std::string> program_candidates(const std::string& name, const std::vector<std::string>& environment);

// A program that was found and looked at with the rights of this process.
struct Program {
  std::string path;
  std::vector<std::string> arguments;
  std::vector<std::string> environment;
};
// Throws Error with exit code 126 (there, but not executable) or 127 (not there).
Program find_program(const std::vector<std::string>& arguments, std::vector<std::string> environment);
// Becomes that program; throws as find_program does.
[[noreturn]] void execute(const Program& program);

}  // namespace conductor::monitor
