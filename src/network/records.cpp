#include "network/records.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "network/egress.hpp"
#include "store/records.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

namespace conductor::network {

namespace {

constexpr std::size_t most_names = 512;  // of one endpoint: the oldest go first

// A name and what it stands for, and what it did before that and does no longer.
struct ResolvedRecord {
  std::string name;
  std::vector<std::string> addresses, before;
};
template <base::Is<ResolvedRecord> S, class V>
void fields(S& s, V&& v) {
  v("name", s.name), v("addresses", s.addresses), v("before", s.before);
}

// Words of the index say how an endpoint has to do with them.
std::string answering(const std::string& name) { return "answers-" + name; }
std::string linking(const std::string& peer) { return "links-" + peer; }
std::string being_in(const std::string& network) { return "member-" + network; }

std::set<std::string> words_of(const EndpointConfig& config) {
  std::set<std::string> words;
  for (const auto& name : config.names) words.insert(answering(name));
  for (const auto& group : config.groups) words.insert(answering(group));
  for (const auto& link : config.links) words.insert(linking(link.peer));
  for (const auto& membership : config.networks) words.insert(being_in(membership.network));
  return words;
}

// Where to look for whom that endpoint has to do with.
std::set<std::string> words_around(const EndpointConfig& config) {
  std::set<std::string> words;
  for (const auto& name : config.names) words.insert(linking(name));
  for (const auto& group : config.groups) words.insert(linking(group));
  for (const auto& link : config.links) words.insert(answering(link.peer));
  for (const auto& membership : config.networks) words.insert(being_in(membership.network));
  return words;
}

bool names_hosts(const EndpointConfig& config) {
  return std::any_of(config.internet_to.begin(), config.internet_to.end(),
                     [](const Destination& destination) { return is_host_name(destination.to); });
}

}  // namespace

Records::Records(const store::Locations& locations)
    : root_(locations.network()), state_(locations.state + "/network"), index_(state_ + "/words") {}

// --- records
// ------------------------------------------------------------------------------------------------------------

std::optional<Endpoint> Records::read(const std::string& id) const {
  const std::string path = record_path(id);
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  const std::lock_guard guard(mutex_);
  Cached& cached = cache_[id];
  if (cached.inode != status.st_ino || cached.changed.tv_sec != status.st_ctim.tv_sec ||
      cached.changed.tv_nsec != status.st_ctim.tv_nsec) {
    const auto endpoint = store::read_record<Endpoint>(path);
    if (!endpoint) return std::nullopt;
    cached = {status.st_ino, status.st_ctim, *endpoint};
  }
  return cached.endpoint;
}

std::optional<Endpoint> Records::find(const std::string& id) const {
  auto endpoint = read(id);
  if (!endpoint) return std::nullopt;
  endpoint->interface = linux::try_read_file(state_ + "/attached/" + id).value_or("");
  if (names_hosts(endpoint->config)) endpoint->resolved = resolved(id);
  return endpoint;
}

std::vector<std::string> Records::all_ids() const {
  std::vector<std::string> ids;
  for (const std::string& name : store::list_directory(root_ + "/endpoints"))
    if (name.ends_with(".json")) ids.push_back(name.substr(0, name.size() - 5));
  return ids;
}

std::vector<Endpoint> Records::list() const { return read_all(all_ids()); }

std::vector<Endpoint> Records::attached() const {
  auto endpoints = read_all(attached_ids());
  std::erase_if(endpoints, [](const Endpoint& e) { return e.interface.empty(); });  // gone in between
  return endpoints;
}

std::vector<Endpoint> Records::read_all(const std::vector<std::string>& ids) const {
  std::vector<Endpoint> endpoints;
  for (const std::string& id : ids) try {
      if (auto endpoint = find(id)) endpoints.push_back(std::move(*endpoint));
    } catch (const base::Error& e) {
      if (e.code() != 0) throw;  // not the record's fault: it may say what must not be missed
      base::log(base::LogLevel::warning, e.message());
    }
  return endpoints;
}

void Records::write(const Endpoint& endpoint, bool durable) const {
  store::make_directory(root_ + "/endpoints");
  const auto words = words_of(endpoint.config), former = former_words(endpoint.id);
  for (const auto& word : words) index_.add(word, endpoint.id);
  Endpoint recorded = endpoint;
  recorded.interface.clear();  // of this boot only, as what follows
  recorded.resolved.clear();
  store::write_record(record_path(endpoint.id), recorded, durable);
  for (const auto& word : former)
    if (!words.contains(word)) index_.remove(word, endpoint.id);
}

void Records::erase(const std::string& id) const {
  const auto words = former_words(id);
  store::remove_file(record_path(id));
  for (const auto& word : words) index_.remove(word, id);
  clear_resolved(id);
  const std::lock_guard guard(mutex_);
  cache_.erase(id);
}

// --- who has to do with whom
// --------------------------------------------------------------------------------------------

// Of a damaged record nothing is known: its entries in the index stay, and lead nowhere.
std::set<std::string> Records::former_words(const std::string& id) const {
  try {
    const auto endpoint = read(id);
    return endpoint ? words_of(endpoint->config) : std::set<std::string>{};
  } catch (const base::Error&) {
    return {};
  }
}

// After a reboot the index is made anew. Whoever writes a record meanwhile adds its words itself, and a second one that
// does the same adds the same.
void Records::complete_index() const {
  if (index_.complete()) return;
  for (const Endpoint& endpoint : list())
    for (const auto& word : words_of(endpoint.config)) index_.add(word, endpoint.id);
  index_.mark_complete();
}

std::vector<Endpoint> Records::related(const Endpoint& endpoint) const {
  complete_index();
  std::set<std::string> ids;
  for (const auto& word : words_around(endpoint.config))
    for (auto& id : index_.ids(word)) ids.insert(std::move(id));
  ids.erase(endpoint.id);
  return read_all({ids.begin(), ids.end()});
}

std::vector<Endpoint> Records::attached_around(const Endpoint& endpoint) const {
  auto around = related(endpoint);
  std::erase_if(around, [](const Endpoint& other) { return other.interface.empty(); });
  return around;
}

std::vector<Endpoint> Records::members(const std::string& network) const {
  complete_index();
  auto endpoints = read_all(index_.ids(being_in(network)));
  std::erase_if(endpoints, [&](const Endpoint& e) { return !words_of(e.config).contains(being_in(network)); });
  return endpoints;
}

// --- of this boot
// -------------------------------------------------------------------------------------------------------

std::vector<std::string> Records::attached_ids() const { return store::list_directory(state_ + "/attached"); }

bool Records::is_attached(const std::string& id) const {
  return ::access((state_ + "/attached/" + id).c_str(), F_OK) == 0;
}

bool Records::any_attached() const { return any_attached_but({}); }

bool Records::any_attached_but(const std::string& id) const {
  const auto ids = attached_ids();
  return std::any_of(ids.begin(), ids.end(), [&](const std::string& other) { return other != id; });
}

void Records::set_attached(const std::string& id, const std::string& interface) const {
  store::make_directory(state_ + "/attached");
  store::write_file_atomically(state_ + "/attached/" + id, interface, false);
}

bool Records::clear_attached(const std::string& id) const { return store::remove_file(state_ + "/attached/" + id); }

void Records::set_files_directory(const std::string& id, const std::string& directory) const {
  store::make_directory(state_ + "/files");
  store::write_file_atomically(state_ + "/files/" + id, directory, false);
}

std::optional<std::string> Records::files_directory(const std::string& id) const {
  return linux::try_read_file(state_ + "/files/" + id);
}

void Records::clear_files_directory(const std::string& id) const { store::remove_file(state_ + "/files/" + id); }

std::string Records::resolved_path(const std::string& id) const { return state_ + "/resolved/" + id + ".json"; }

std::vector<ResolvedName> Records::resolved(const std::string& id) const {
  std::vector<ResolvedName> names;
  const auto records = store::read_record<std::vector<ResolvedRecord>>(resolved_path(id));
  for (const ResolvedRecord& record : records.value_or(std::vector<ResolvedRecord>{})) {
    ResolvedName name{record.name, record.addresses};
    name.addresses.insert(name.addresses.end(), record.before.begin(), record.before.end());
    names.push_back(std::move(name));
  }
  return names;
}

bool Records::set_resolved(const std::string& id, const ResolvedName& name) const {
  using List = std::vector<ResolvedRecord>;
  List records = store::read_record<List>(resolved_path(id)).value_or(List{});
  ResolvedRecord record{name.name, name.addresses, {}};
  std::sort(record.addresses.begin(), record.addresses.end());
  const auto found = std::find_if(records.begin(), records.end(), [&](const auto& r) { return r.name == name.name; });
  if (found != records.end()) {
    if (found->addresses == record.addresses) return false;
    std::set_difference(found->addresses.begin(), found->addresses.end(), record.addresses.begin(),
                        record.addresses.end(), std::back_inserter(record.before));
    records.erase(found);
  }
  records.push_back(std::move(record));
  if (records.size() > most_names) records.erase(records.begin());
  store::make_directory(state_ + "/resolved");
  store::write_record(resolved_path(id), records, false);
  return true;
}

void Records::clear_resolved(const std::string& id) const { store::remove_file(resolved_path(id)); }

void Records::begin_change(const Endpoint& before) const {
  store::make_directory(state_ + "/changing");
  store::write_record(state_ + "/changing/" + before.id, before, false);
}

void Records::end_change(const std::string& id) const { store::remove_file(state_ + "/changing/" + id); }

std::vector<Endpoint> Records::unfinished_changes() const {
  std::vector<Endpoint> endpoints;
  for (const auto& id : store::list_directory(state_ + "/changing"))
    if (auto before = store::read_record<Endpoint>(state_ + "/changing/" + id)) endpoints.push_back(std::move(*before));
  return endpoints;
}

bool Records::any_unfinished_change() const { return !store::list_directory(state_ + "/changing").empty(); }

void Records::sweep() const {
  for (const auto& directory : {root_ + "/endpoints", networks(), state_, state_ + "/attached", state_ + "/files",
                                state_ + "/resolved", state_ + "/changing"})
    store::sweep_temporary_files(directory);
}

bool claim_file(const std::string& path, const std::string& id) { return store::create_exclusively(path, id, false); }

}  // namespace conductor::network
