#include "network/port_files.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "store/records.hpp"

#include <algorithm>
#include <optional>

namespace conductor::network {

namespace {

constexpr const char* all_addresses = "all";

std::string file_name(const HostPorts& ports) {
  return std::string(base::enum_name(ports.protocol)) + "-" + std::to_string(ports.first) +
         (ports.count == 1 ? "" : "+" + std::to_string(ports.count)) + "-" +
         (ports.address.empty() ? all_addresses : ports.address);
}

// Nothing for a file that is none of ours.
std::optional<HostPorts> parse_file_name(const std::string& name) {
  const auto words = base::split(name, '-');
  if (words.size() != 3) return std::nullopt;
  HostPorts ports;
  ports.protocol = words[0] == base::enum_name(Protocol::udp) ? Protocol::udp : Protocol::tcp;
  const auto plus = words[1].find('+');
  const auto first = base::parse_number(words[1].substr(0, plus));
  const auto count = plus == std::string::npos ? 1 : base::parse_number(words[1].substr(plus + 1));
  if (!first || !count) return std::nullopt;
  ports.first = static_cast<int>(*first);
  ports.count = static_cast<int>(*count);
  if (words[2] != all_addresses) ports.address = words[2];
  return ports;
}

}  // namespace

HostPorts HostPorts::one(int port) const {
  HostPorts single = *this;
  single.first = port;
  single.count = 1;
  single.container_port = container_port + port - first;
  return single;
}

std::string HostPorts::text() const {
  const bool v6 = address.find(':') != std::string::npos;
  const std::string place = address.empty() ? "" : (v6 ? "[" + address + "]" : address) + ":";
  return place + std::to_string(first) + "/" + std::string(base::enum_name(protocol));
}

bool HostPorts::conflicts_with(const HostPorts& other) const {
  return protocol == other.protocol && first <= other.last() && other.first <= last() &&
         (address.empty() || other.address.empty() || address == other.address);
}

PortFiles::PortFiles(const Records& records) : records_(records) {
  for (const auto& name : store::list_directory(records.ports()))
    if (const auto ports = parse_file_name(name)) files_.push_back({*ports, name, {}});
}

const std::string& PortFiles::holder_of(File& file) const {
  if (file.holder.empty()) file.holder = linux::try_read_file(records_.ports() + "/" + file.name).value_or("");
  return file.holder;
}

void PortFiles::require_not_held(const std::string& id, const HostPorts& ports) {
  std::vector<std::string> abandoned;
  for (File& file : files_) {
    if (!file.ports.conflicts_with(ports) || holder_of(file) == id) continue;
    const auto endpoint = records_.find(file.holder);
    if (!endpoint) {
      abandoned.push_back(file.name);
      continue;
    }
    throw base::Error("port " + ports.one(std::max(ports.first, file.ports.first)).text() +
                      " is published by container " + display_name(*endpoint));
  }
  for (const auto& name : abandoned) remove(name);
}

// The holders are known: require_not_held has been here.
bool PortFiles::is_held_by(const std::string& id, const HostPorts& port) const {
  return std::any_of(files_.begin(), files_.end(),
                     [&](const File& file) { return file.holder == id && file.ports.conflicts_with(port); });
}

void PortFiles::claim(const std::string& id, const std::vector<HostPorts>& wanted) {
  std::vector<std::string> names, in_the_way;
  for (const HostPorts& ports : wanted) names.push_back(file_name(ports));
  const auto is_wanted = [&](const File& file) {
    return std::find(names.begin(), names.end(), file.name) != names.end();
  };
  for (const File& file : files_)
    if (file.holder == id && !is_wanted(file) &&
        std::any_of(wanted.begin(), wanted.end(), [&](const auto& ports) { return file.ports.conflicts_with(ports); }))
      in_the_way.push_back(file.name);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const bool held =
        std::any_of(files_.begin(), files_.end(), [&](const File& file) { return file.name == names[i]; });
    if (held) continue;
    claim_file(records_.ports() + "/" + names[i], id);
    files_.push_back({wanted[i], names[i], id});
  }
  for (const auto& name : in_the_way) remove(name);
}

void PortFiles::give_back(const std::string& id, const HostPorts& ports) {
  const std::string name = file_name(ports);
  const auto file = std::find_if(files_.begin(), files_.end(), [&](const File& one) { return one.name == name; });
  if (file != files_.end() && holder_of(*file) == id) remove(name);
}

void PortFiles::remove(const std::string& name) {
  store::remove_file(records_.ports() + "/" + name);
  std::erase_if(files_, [&](const File& file) { return file.name == name; });
}

}  // namespace conductor::network
