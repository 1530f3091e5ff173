// The default instance has plain names; any other derives its own from a hash, so that two never meet in the kernel.
#include "base/sha256.hpp"
#include "network/network.hpp"

#include <array>

namespace conductor::network {

namespace {

constexpr std::uint32_t first_slot_subnet = 0x0a800000;  // 10.128.0.0; a slot is a /20
constexpr std::uint32_t slots = 103 * 16;                // up to 10.230.240.0/20
constexpr std::uint32_t first_priority = 88;             // of the default instance; slots follow
constexpr std::uint32_t guard_offset = 20000;            // behind the rules of every instance
constexpr std::uint32_t default_group = 0xcd00;
constexpr std::uint32_t other_mark = 0x20000;

// nft(8) names know no '-'.
std::string table_name(const std::string& instance) {
  std::string name;
  for (const char c : instance) name += c == '-' ? '_' : c;
  return name;
}

}  // namespace

Settings Settings::of(const store::Locations& locations) {
  Settings settings;
  settings.table = table_name(locations.instance);
  settings.interface_prefix = "cdr";
  if (locations.instance == "conductor") return settings;

  const std::string hash = base::sha256_hex(locations.instance);
  const auto slot = static_cast<std::uint32_t>(std::stoul(hash.substr(0, 8), nullptr, 16) % slots);
  settings.interface_prefix = "cd" + hash.substr(8, 4);  // hex digits: never "cdr"
  settings.subnet = first_slot_subnet + (slot << 12U);
  settings.prefix_length = 20;
  settings.rule_priority = first_priority + 4 * (slot + 1);
  settings.guard_priority = guard_offset + settings.rule_priority;
  settings.mark = other_mark;
  settings.interface_group = default_group + 1 + slot;
  return settings;
}

std::string Settings::subnet_text() const { return linux::to_text(subnet) + "/" + std::to_string(prefix_length); }

}  // namespace conductor::network
