#include "network/legacy_chains.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "linux/fd.hpp"
#include "linux/process.hpp"

#include <linux/netfilter.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

namespace conductor::network {

namespace {

constexpr const char* table_name = "filter";
constexpr std::array program_directories{"/usr/sbin/", "/sbin/", "/usr/local/sbin/"};

// The whole table of a family as the kernel gives it.
struct Table {
  std::vector<char> entries;
  std::size_t forward_policy = 0;  // offset of the entry that is the policy of FORWARD
};

bool has_filter_table(bool v6) {
  const auto names = linux::try_read_file(v6 ? "/proc/net/ip6_tables_names" : "/proc/net/ip_tables_names");
  if (!names) return false;
  for (const auto& name : base::split(*names, '\n'))
    if (name == table_name) return true;
  return false;
}

// Both families have the same calls with types of their own.
template <class Info, class Entries>
std::optional<Table> read_table(const linux::Fd& socket, int level, int info_option, int entries_option) {
  Info info{};
  std::strcpy(info.name, table_name);
  socklen_t size = sizeof info;
  if (::getsockopt(socket.get(), level, info_option, &info, &size) != 0) return std::nullopt;
  std::vector<char> answer(sizeof(Entries) + info.size);
  auto* entries = static_cast<Entries*>(static_cast<void*>(answer.data()));
  std::strcpy(entries->name, table_name);
  entries->size = info.size;
  size = static_cast<socklen_t>(answer.size());
  if (::getsockopt(socket.get(), level, entries_option, answer.data(), &size) != 0) return std::nullopt;
  answer.erase(answer.begin(), answer.begin() + sizeof(Entries));
  return Table{std::move(answer), info.underflow[NF_INET_FORWARD]};
}

template <class Entry>
bool policy_drops(const Table& table) {
  Entry entry{};
  xt_standard_target target{};
  if (table.forward_policy + sizeof entry > table.entries.size()) return false;
  std::memcpy(&entry, table.entries.data() + table.forward_policy, sizeof entry);
  const std::size_t at = table.forward_policy + entry.target_offset;
  if (at + sizeof target > table.entries.size()) return false;
  std::memcpy(&target, table.entries.data() + at, sizeof target);
  return target.verdict == -NF_DROP - 1;
}

std::optional<LegacyChain> read_chain(bool v6, const std::string& comment) {
  const linux::Fd socket(::socket(v6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
  const auto table =
      v6 ? read_table<ip6t_getinfo, ip6t_get_entries>(socket, IPPROTO_IPV6, IP6T_SO_GET_INFO, IP6T_SO_GET_ENTRIES)
         : read_table<ipt_getinfo, ipt_get_entries>(socket, IPPROTO_IP, IPT_SO_GET_INFO, IPT_SO_GET_ENTRIES);
  if (!table) return std::nullopt;
  LegacyChain chain{v6, v6 ? policy_drops<ip6t_entry>(*table) : policy_drops<ipt_entry>(*table), false};
  // The comment is a text with a zero behind it within the rule's match.
  const std::string bytes(table->entries.begin(), table->entries.end());
  chain.opened = bytes.find(comment + '\0') != std::string::npos;
  return chain;
}

}  // namespace

std::vector<LegacyChain> legacy_forward_chains(const std::string& comment) {
  std::vector<LegacyChain> chains;
  for (const bool v6 : {false, true})
    if (has_filter_table(v6))
      if (const auto chain = read_chain(v6, comment)) chains.push_back(*chain);
  return chains;
}

std::string legacy_program(bool v6) {
  for (const char* directory : program_directories) {
    const std::string path = directory + std::string(v6 ? "ip6tables-legacy" : "iptables-legacy");
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return {};
}

void change_legacy_chain(bool v6, const char* what, std::uint32_t mark, const std::string& comment) {
  linux::SpawnOptions options;
  options.program = legacy_program(v6);
  const std::string bits = std::to_string(mark);
  options.arguments = {options.program,   "-w", "5",       what,        "FORWARD", "-m", "mark",  "--mark",
                       bits + "/" + bits, "-m", "comment", "--comment", comment,   "-j", "ACCEPT"};
  options.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"};
  const auto output = linux::run_program(options);
  if (output.ending.shell_code() != 0)
    throw base::Error(options.program + " " + what + " FORWARD: " + std::string(base::trim(output.text)));
}

}  // namespace conductor::network
