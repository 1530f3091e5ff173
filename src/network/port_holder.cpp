#include "network/port_holder.hpp"

#include "base/text.hpp"
#include "base/units.hpp"

#include <dirent.h>
#include <unistd.h>

#include <array>
#include <memory>

namespace conductor::network {

namespace {

constexpr std::string_view tcp_listen = "0A";  // TCP_LISTEN of include/net/tcp_states.h

// Names of entries that are whole numbers.
std::vector<std::string> numbers_in(const std::string& directory) {
  const std::unique_ptr<DIR, int (*)(DIR*)> open(opendir(directory.c_str()), &closedir);
  std::vector<std::string> names;
  if (!open) return names;
  while (const dirent* entry = readdir(open.get()))
    if (base::parse_number(entry->d_name)) names.emplace_back(entry->d_name);
  return names;
}

bool has_open(const std::string& pid, const std::string& socket) {
  const std::string directory = "/proc/" + pid + "/fd";
  for (const auto& number : numbers_in(directory)) {
    std::array<char, 64> target{};
    const ssize_t n = ::readlink((directory + "/" + number).c_str(), target.data(), target.size());
    if (n > 0 && std::string_view(target.data(), static_cast<std::size_t>(n)) == socket) return true;
  }
  return false;
}

}  // namespace

std::vector<std::string> socket_inodes(const std::string& table, Protocol protocol, int port) {
  std::vector<std::string> inodes;
  for (const auto& line : base::split(table, '\n')) {
    std::vector<std::string> fields = base::split(line, ' ');
    std::erase(fields, "");
    // sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode
    if (fields.size() < 10 || fields[1].find(':') == std::string::npos) continue;
    const auto local = std::stoi(fields[1].substr(fields[1].find(':') + 1), nullptr, 16);
    if (local == port && (protocol == Protocol::udp || fields[3] == tcp_listen)) inodes.push_back(fields[9]);
  }
  return inodes;
}

std::string port_holder(Protocol protocol, int port) {
  const std::string file = protocol == Protocol::udp ? "/proc/self/net/udp" : "/proc/self/net/tcp";
  for (const char* suffix : {"", "6"}) {
    const auto table = linux::try_read_file(file + suffix);
    if (!table) continue;
    for (const auto& inode : socket_inodes(*table, protocol, port))
      for (const auto& pid : numbers_in("/proc"))
        if (has_open(pid, "socket:[" + inode + "]")) {
          const auto name = linux::try_read_file("/proc/" + pid + "/comm").value_or("?");
          return base::escape_control(base::trim(name)) + " (pid " + pid + ")";
        }
  }
  return "another program";
}

}  // namespace conductor::network
