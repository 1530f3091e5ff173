#include "network/addresses.hpp"

#include "base/units.hpp"
#include "store/records.hpp"

#include <sys/stat.h>

#include <ctime>

namespace conductor::network {

namespace {

constexpr time_t reserving_s = 60;  // so long may pass between taking an address and writing the record

std::string path_of(const Records& records, linux::Ipv4 address) {
  return records.addresses() + "/" + linux::to_text(address);
}

// Where the last search ended. It is a hint: two that read the same value meet at the exclusive creation.
std::string hint_path(const Records& records) { return records.state() + "/next-address"; }

std::uint32_t read_hint(const Records& records) {
  const auto text = linux::try_read_file(hint_path(records));
  return static_cast<std::uint32_t>(text ? base::parse_number(*text, UINT32_MAX).value_or(0) : 0);
}

// An address whose holder was killed before it had a record, or has another one.
bool is_abandoned(const Records& records, linux::Ipv4 address) {
  const std::string path = path_of(records, address);
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0 || std::time(nullptr) - status.st_mtime < reserving_s) return false;
  const auto id = linux::try_read_file(path);
  if (!id) return false;
  try {
    const auto holder = records.find(*id);
    return !holder || holder->address != address;
  } catch (const base::Error&) {
    return false;  // a damaged record may be this address's
  }
}

}  // namespace

linux::Ipv4 take_address(const Settings& settings, const Records& records, const std::string& id) {
  store::make_directory(records.addresses());
  store::make_directory(records.state());
  const std::uint32_t first = 2;  // as hosts are numbered
  const std::uint32_t count = (1U << static_cast<unsigned>(32 - settings.prefix_length)) - 1 - first;  // no broadcast
  const std::uint32_t start = read_hint(records);
  for (std::uint32_t tried = 0; tried < count; ++tried) {
    const std::uint32_t offset = (start + tried) % count;
    const linux::Ipv4 address = settings.subnet + first + offset;
    const std::string path = path_of(records, address);
    if (!claim_file(path, id)) {
      if (!is_abandoned(records, address)) continue;
      store::remove_file(path);
      if (!claim_file(path, id)) continue;
    }
    store::write_file_atomically(hint_path(records), std::to_string((offset + 1) % count), false);
    return address;
  }
  throw base::Error("all addresses of " + settings.subnet_text() + " are taken");
}

void give_back_address(const Records& records, linux::Ipv4 address) { store::remove_file(path_of(records, address)); }

void give_back_addresses_of(const Records& records, const std::string& id) {
  for (const auto& name : store::list_directory(records.addresses())) {
    const std::string path = records.addresses() + "/" + name;
    if (linux::try_read_file(path) == id) store::remove_file(path);
  }
}

}  // namespace conductor::network
