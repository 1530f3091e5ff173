#include "monitor/program.hpp"

#include "base/error.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace conductor::monitor {
namespace {

using base::Error;

const std::string* find_variable(const std::vector<std::string>& environment, std::string_view name) {
  const auto is = [&](const std::string& entry) {
    return entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=';
  };
  const auto found = std::find_if(environment.begin(), environment.end(), is);
  return found == environment.end() ? nullptr : &*found;
}

// exec: "foo": why
Error refusal(const std::string& name, const std::string& why, int exit_code) {
  return Error("exec: \"" + name + "\": " + why).with_exit_code(exit_code);
}

Error refusal_by_errno(const std::string& name, int code) {
  const bool absent = code == ENOENT || code == ENOTDIR;
  return refusal(name, absent ? "no such file or directory" : strerror(code),
                 absent ? base::exit_not_found : base::exit_not_executable);
}

// 0, or the errno of what stands in the way of executing it.
int obstacle(const std::string& path) {
  struct stat found{};
  if (fstatat(AT_FDCWD, path.c_str(), &found, 0) != 0) return errno;
  if (S_ISDIR(found.st_mode)) return EISDIR;
  if (!S_ISREG(found.st_mode)) return EACCES;
  return faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> list;
  list.reserve(strings.size() + 1);
  for (const auto& text : strings) list.push_back(const_cast<char*>(text.c_str()));
  list.push_back(nullptr);
  return list;
}

}  // namespace

std::vector<std::string> complete_environment(const Process& process, const std::string& home) {
  std::vector<std::string> environment = process.environment;
  const auto add = [&](const char* name, const std::string& value) {
    if (find_variable(environment, name) == nullptr) environment.push_back(std::string(name) + "=" + value);
  };
  add("PATH", default_path);
  add("HOME", home);
  if (process.terminal) add("TERM", "xterm");
  return environment;
}

std::vector<std::string> program_candidates(const std::string& name, const std::vector<std::string>& environment) {
  if (name.find('/') != name.npos) return {name};
  std::vector<std::string> candidates;
  const std::string* variable = find_variable(environment, "PATH");
  std::string_view rest = variable == nullptr ? std::string_view(default_path) : std::string_view(*variable).substr(5);
  while (!rest.empty() && !name.empty()) {
    const auto end = std::min(rest.find(':'), rest.size());
    const std::string_view directory = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (directory.starts_with('/')) candidates.push_back(std::string(directory) + "/" + name);
  }
  return candidates;
}

Program find_program(const std::vector<std::string>& arguments, std::vector<std::string> environment) {
  if (arguments.empty()) throw Error("no command given");
  const std::string& name = arguments.front();
  const auto candidates = program_candidates(name, environment);
  int seen = 0;
  for (const auto& path : candidates) {
    const int code = obstacle(path);
    if (code == 0) return {path, arguments, std::move(environment)};
    if (code != ENOENT && code != ENOTDIR) seen = code;
  }
  if (seen != 0) throw refusal_by_errno(name, seen);
  if (candidates.size() == 1 && candidates.front() == name) throw refusal_by_errno(name, ENOENT);
  throw refusal(name, "executable file not found in $PATH", base::exit_not_found);
}

void execute(const Program& program) {
  auto arguments = pointers(program.arguments);
  auto environment = pointers(program.environment);
  execve(program.path.c_str(), arguments.data(), environment.data());
  throw refusal_by_errno(program.arguments.front(), errno);
}

}  // namespace conductor::monitor
