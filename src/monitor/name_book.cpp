#include "monitor/name_book.hpp"

#include "base/text.hpp"
#include "monitor/dns_message.hpp"

#include <algorithm>
#include <utility>

namespace conductor::monitor {
namespace {

constexpr NameBook::Seconds shortest = 30, longest = 3600, remembered = 300;
constexpr std::size_t most_addresses = 64;
constexpr std::size_t most_names = 256;

bool contains(const NameBook::Addresses& list, const linux::IpAddress& address) {
  return std::find(list.begin(), list.end(), address) != list.end();
}

constexpr auto by_time = [](const auto& a, const auto& b) { return a.second < b.second; };

}  // namespace

NameBook::NameBook(std::vector<std::string> patterns) : patterns_(std::move(patterns)) {
  for (const auto& pattern : patterns_)
    if (const auto question = make_question(pattern, DnsType::a)) exact_.push_back(question->name);
}

bool NameBook::allows(const std::string& name) const {
  return std::any_of(patterns_.begin(), patterns_.end(),
                     [&](const std::string& pattern) { return name_matches(pattern, name); });
}

NameBook::Seconds NameBook::lifetime(std::uint32_t seconds) { return std::clamp<Seconds>(seconds, shortest, longest); }

void NameBook::learn(const std::string& name, const Addresses& addresses, std::uint32_t seconds, Seconds now) {
  if (addresses.empty()) return;
  make_room(name);
  auto& until = entries_[name].until;
  for (const auto& address : addresses) {
    auto& time = until[address];
    time = std::max(time, now + lifetime(seconds) + remembered);
  }
  while (until.size() > most_addresses) until.erase(std::min_element(until.begin(), until.end(), by_time));
}

// Names that were not named one by one have no end; what makes room is told by expire.
void NameBook::make_room(const std::string& name) {
  if (entries_.contains(name)) return;
  std::vector<std::pair<std::string, Seconds>> ends;
  for (const auto& [other, entry] : entries_)
    if (!entry.until.empty())
      ends.emplace_back(other, std::max_element(entry.until.begin(), entry.until.end(), by_time)->second);
  if (ends.size() < most_names) return;
  entries_[std::min_element(ends.begin(), ends.end(), by_time)->first].until.clear();
}

bool NameBook::is_told(const std::string& name, const Addresses& addresses) const {
  const auto entry = entries_.find(name);
  return addresses.empty() ||
         (entry != entries_.end() && std::all_of(addresses.begin(), addresses.end(), [&](const auto& address) {
            return contains(entry->second.told, address) || !entry->second.until.contains(address);
          }));
}

NameBook::Addresses NameBook::current(const std::string& name) const {
  Addresses addresses;
  if (const auto entry = entries_.find(name); entry != entries_.end())
    for (const auto& [address, time] : entry->second.until) addresses.push_back(address);
  return addresses;
}

void NameBook::set_told(const std::string& name, const Addresses& addresses) {
  Entry& entry = entries_[name];
  entry.told = addresses;
  if (entry.told.empty() && entry.until.empty()) entries_.erase(name);
}

std::vector<std::string> NameBook::expire(Seconds now) {
  std::vector<std::string> changed;
  for (auto& [name, entry] : entries_) {
    std::erase_if(entry.until, [&](const auto& known) { return known.second <= now; });
    const bool gone = std::any_of(entry.told.begin(), entry.told.end(),
                                  [&](const auto& address) { return !entry.until.contains(address); });
    if (gone) changed.push_back(name);
  }
  std::erase_if(entries_, [](const auto& known) { return known.second.until.empty() && known.second.told.empty(); });
  return changed;
}

std::optional<NameBook::Seconds> NameBook::next_expiry() const {
  std::optional<Seconds> next;
  for (const auto& [name, entry] : entries_)
    for (const auto& [address, time] : entry.until) next = std::min(next.value_or(time), time);
  return next;
}

}  // namespace conductor::monitor
