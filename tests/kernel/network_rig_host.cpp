#include "network_rig_host.hpp"

#include "base/text.hpp"
#include "linux/fd.hpp"

#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <stdexcept>

namespace test {

namespace linux = conductor::linux;

namespace {

linux::Fd memory_file() { return linux::Fd(::memfd_create("rig", MFD_CLOEXEC)); }

std::string content(const linux::Fd& file) {
  std::string text;
  std::array<char, 4096> part{};
  ssize_t n = 0;
  while ((n = ::pread(file.get(), part.data(), part.size(), static_cast<off_t>(text.size()))) > 0)
    text.append(part.data(), static_cast<std::size_t>(n));
  return text;
}

void add_lines(std::vector<std::string>& lines, const std::vector<std::string>& words) {
  std::string subject;
  for (const auto& word : words) subject += word + " ";
  for (const auto& line : conductor::base::split(output_of(words), '\n'))
    if (!line.empty()) lines.push_back(subject + "| " + line);
}

// Some settings cannot be read, such as the secret of stable addresses while there is none.
void add_settings(std::vector<std::string>& lines, const std::string& directory) {
  std::vector<std::string> found;
  std::error_code absent;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory, absent)) {
    if (!entry.is_regular_file()) continue;
    const linux::Fd file(::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC));
    std::array<char, 256> value{};
    const ssize_t n = file ? ::read(file.get(), value.data(), value.size()) : 0;
    if (n > 0)
      found.push_back(entry.path().string() + "=" +
                      std::string(conductor::base::trim({value.data(), static_cast<std::size_t>(n)})));
  }
  std::sort(found.begin(), found.end());
  lines.insert(lines.end(), found.begin(), found.end());
}

}  // namespace

Finished run(const std::vector<std::string>& words, const std::string& input) {
  const linux::Fd in = memory_file(), out = memory_file();
  linux::write_all(in.get(), input);
  ::lseek(in.get(), 0, SEEK_SET);
  std::vector<char*> arguments;
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions{};
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in.get(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, out.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, out.get(), STDERR_FILENO);
  pid_t child = 0;
  const int failed = ::posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return {127, words.front() + " cannot be started"};
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128, content(out)};
}

std::string output_of(const std::vector<std::string>& words, const std::string& input) {
  const auto finished = run(words, input);
  std::string line;
  for (const auto& word : words) line += word + " ";
  if (finished.status != 0) throw std::runtime_error(line + "failed: " + finished.output);
  return finished.output;
}

std::vector<std::string> host_state() {
  std::vector<std::string> lines;
  add_settings(lines, "/proc/sys/net/ipv4");
  add_settings(lines, "/proc/sys/net/ipv6");
  for (const char* family : {"-4", "-6"}) {
    add_lines(lines, {"ip", family, "rule"});
    add_lines(lines, {"ip", family, "route", "show", "table", "all"});
    add_lines(lines, {"ip", family, "-o", "addr"});
  }
  add_lines(lines, {"nft", "list", "ruleset"});
  add_lines(lines, {"ip", "xfrm", "policy"});
  add_lines(lines, {"ip", "xfrm", "state"});
  add_lines(lines, {"tc", "qdisc"});
  return lines;
}

void flush_connections() {
  struct {
    nlmsghdr header;
    nfgenmsg family;
  } request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_DELETE;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  const linux::Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
  std::array<char, 512> answer{};
  if (::send(socket.get(), &request, sizeof request, 0) < 0 ||
      ::recv(socket.get(), answer.data(), answer.size(), 0) < 0)
    throw std::runtime_error("cannot flush the tracked connections");
}

}  // namespace test
