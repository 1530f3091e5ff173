#include "transfer/program/git.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "linux/process.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <vector>

namespace conductor::transfer::program {
namespace {

using base::Error;

constexpr const char* program_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

std::string find_git() {
  for (const auto& directory : base::split(program_path, ':'))
    if (access((directory + "/git").c_str(), X_OK) == 0) return directory + "/git";
  throw Error("git is not installed").with_hint("apt-get install git");
}

// Configuration that only this invocation has: no hooks, no helpers, no upkeep; whoever owns a local repository.
const std::vector<std::pair<std::string, std::string>>& configuration() {
  static const std::vector<std::pair<std::string, std::string>> settings = {{"core.hooksPath", "/dev/null"},
                                                                            {"core.fsmonitor", "false"},
                                                                            {"credential.helper", ""},
                                                                            {"init.defaultBranch", "main"},
                                                                            {"init.templateDir", ""},
                                                                            {"gc.auto", "0"},
                                                                            {"maintenance.auto", "false"},
                                                                            {"advice.detachedHead", "false"},
                                                                            {"safe.directory", "*"},
                                                                            {"submodule.recurse", "false"},
                                                                            {"fetch.recurseSubmodules", "false"}};
  return settings;
}

// A host is believed the first time it is seen, a changed key never; no key file and no agent but the one given.
std::string ssh_command(const std::string& socket) {
  std::string command =
      "ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o IdentityFile=/dev/null";
  if (socket.empty()) command += " -o IdentityAgent=none";
  return command;
}

std::vector<std::string> environment(const Request& request) {
  std::vector<std::string> list = {
      std::string("PATH=") + program_path,
      "HOME=/nonexistent",
      "LC_ALL=C",
      "GIT_CONFIG_NOSYSTEM=1",
      "GIT_CONFIG_GLOBAL=/dev/null",
      "GIT_ATTR_NOSYSTEM=1",
      "GIT_TERMINAL_PROMPT=0",
      "GIT_ASKPASS=/bin/false",
      "SSH_ASKPASS=/bin/false",
      "GIT_OPTIONAL_LOCKS=0",
      std::string("GIT_ALLOW_PROTOCOL=https:http:ssh:git") + (request.local ? ":file" : ""),
      "GIT_SSH_COMMAND=" + ssh_command(request.ssh_socket)};
  if (!request.ssh_socket.empty()) list.push_back("SSH_AUTH_SOCK=" + request.ssh_socket);
  list.push_back("GIT_CONFIG_COUNT=" + std::to_string(configuration().size()));
  for (std::size_t i = 0; i < configuration().size(); ++i) {
    list.push_back("GIT_CONFIG_KEY_" + std::to_string(i) + "=" + configuration()[i].first);
    list.push_back("GIT_CONFIG_VALUE_" + std::to_string(i) + "=" + configuration()[i].second);
  }
  for (const std::string name : {"http_proxy", "https_proxy", "all_proxy", "no_proxy"})
    if (const char* value = std::getenv(name.c_str()); value != nullptr) list.push_back(name + "=" + value);
  if (const char* file = std::getenv("SSL_CERT_FILE"); file != nullptr)
    list.push_back(std::string("GIT_SSL_CAINFO=") + file);
  return list;
}

class Git {
 public:
  Git(const Request& request, std::string directory)
      : program_(find_git()), directory_(std::move(directory)), environment_(environment(request)) {}

  linux::Output try_run(std::vector<std::string> arguments) const {
    linux::SpawnOptions options;
    options.program = program_;
    options.arguments = {"git", "-C", directory_};
    options.arguments.insert(options.arguments.end(), arguments.begin(), arguments.end());
    options.environment = environment_;
    return linux::run_program(options);
  }
  // Its output, or an Error with what it says.
  std::string run(std::vector<std::string> arguments) const {
    const std::string verb = arguments.front();
    const linux::Output output = try_run(std::move(arguments));
    if (output.ending.shell_code() != 0) throw Error("git " + verb + ": " + complaint(output));
    return output.text;
  }
  // The lines that say what is wrong, without the advice around them.
  static std::string complaint(const linux::Output& output) {
    std::vector<std::string> lines;
    for (const auto& line : base::split(output.text, '\n'))
      for (const std::string_view word : {"fatal: ", "error: ", "remote: ", "ssh: "})
        if (line.starts_with(word))
          lines.push_back(word == "fatal: " || word == "error: " ? line.substr(word.size()) : line);
    if (!lines.empty()) return base::join(lines, "; ");
    const auto text = base::trim(output.text);
    return text.empty() ? "exit code " + std::to_string(output.ending.shell_code()) : std::string(text);
  }

 private:
  std::string program_;
  std::string directory_;
  std::vector<std::string> environment_;
};

bool is_hex(std::string_view text) { return text.find_first_not_of("0123456789abcdef") == std::string_view::npos; }
bool is_commit(std::string_view text) { return (text.size() == 40 || text.size() == 64) && is_hex(text); }

struct Target {
  std::string commit;
  std::string name;  // "refs/heads/main"; empty: only the commit is known
};

// What the remote calls so, a branch before a tag, as git-checkout does; of an annotated tag what it is a tag of.
Target find_target(const Git& git, const Request& request) {
  if (is_commit(request.ref)) return {request.ref, {}};
  const std::string ref = request.ref.empty() ? "HEAD" : request.ref;
  const std::string plain = ref.starts_with("refs/") ? ref.substr(5) : ref;
  const std::string text = git.run({"ls-remote", "--quiet", "--", request.url, ref, ref + "^{}"});
  std::optional<Target> best;
  std::size_t best_rank = 6;
  const std::vector<std::string> order = {
      "HEAD", "refs/" + plain, "refs/heads/" + plain, "refs/tags/" + plain + "^{}", "refs/tags/" + plain, ref + "^{}"};
  for (const auto& line : base::split(text, '\n')) {
    const auto tab = line.find('\t');
    if (tab == std::string::npos || !is_commit(line.substr(0, tab))) continue;
    std::string name = line.substr(tab + 1);
    const auto place = std::find(order.begin(), order.end(), name);
    if (place == order.end() || (name == "HEAD" && ref != "HEAD")) continue;
    const auto rank = static_cast<std::size_t>(place - order.begin());
    if (rank >= best_rank) continue;
    best_rank = rank;
    if (name.ends_with("^{}")) name.resize(name.size() - 3);
    best = Target{line.substr(0, tab), name};
  }
  if (!best) throw Error("the repository has no branch and no tag " + base::escape_control(ref));
  return *best;
}

// One commit without its past where the server gives that; else all there is.
void fetch(const Git& git, const Request& request, const Target& target) {
  const std::string& wanted = target.name.empty() ? target.commit : target.name;
  const auto shallow = git.try_run({"fetch", "--quiet", "--depth=1", "--no-tags", "--", request.url, wanted});
  if (shallow.ending.shell_code() == 0) return;
  if (!target.name.empty()) {
    git.run({"fetch", "--quiet", "--no-tags", "--", request.url, wanted});
    return;
  }
  git.run({"fetch", "--quiet", "--tags", "--", request.url, "+refs/*:refs/remotes/origin/*"});
  if (git.try_run({"cat-file", "-e", target.commit + "^{commit}"}).ending.shell_code() != 0)
    throw Error("the repository has no commit " + target.commit);
}

// Warnings may stand around it.
std::string head_of(const Git& git) {
  for (const auto& line : base::split(git.run({"rev-parse", "--verify", "HEAD^{commit}"}), '\n'))
    if (is_commit(base::trim(line))) return std::string(base::trim(line));
  throw Error("git names no commit");
}

void add_submodules(const Git& git, const std::string& directory) {
  struct stat found{};
  if (lstat((directory + "/.gitmodules").c_str(), &found) != 0 || !S_ISREG(found.st_mode)) return;
  git.run({"submodule", "--quiet", "update", "--init", "--recursive", "--depth=1"});
}

}  // namespace

void require_git() { find_git(); }

std::string shown_repository(const std::string& url) {
  const auto scheme = url.find("://");
  if (scheme == std::string::npos) return base::escape_control(url);
  const std::string rest = url.substr(scheme + 3);
  const auto at = rest.substr(0, rest.find('/')).rfind('@');
  return base::escape_control(url.substr(0, scheme + 3) + (at == std::string::npos ? rest : rest.substr(at + 1)));
}

std::string fetch_and_checkout(const Request& request, const std::string& directory) {
  const Git git(request, directory);
  const Target target = find_target(git, request);
  git.run({"init", "--quiet", target.commit.size() == 64 ? "--object-format=sha256" : "--object-format=sha1"});
  git.run({"remote", "add", "origin", request.url});
  fetch(git, request, target);
  git.run({"checkout", "--quiet", "--force", "--detach", target.name.empty() ? target.commit : "FETCH_HEAD"});
  const std::string commit = head_of(git);
  if (!request.checksum.empty() && !commit.starts_with(request.checksum))
    throw Error("the commit is " + commit + ", not " + base::escape_control(request.checksum));
  if (request.submodules) add_submodules(git, directory);
  return commit;
}

}  // namespace conductor::transfer::program
