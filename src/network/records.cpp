#include "network/records.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "store/records.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace conductor::network {

Records::Records(const store::Locations& locations)
    : root_(locations.network()), state_(locations.state + "/network") {}

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
  if (endpoint) endpoint->interface = linux::try_read_file(state_ + "/attached/" + id).value_or("");
  return endpoint;
}

std::vector<Endpoint> Records::list() const {
  std::vector<std::string> ids;
  for (const std::string& name : store::list_directory(root_ + "/endpoints"))
    if (name.ends_with(".json")) ids.push_back(name.substr(0, name.size() - 5));
  return read_all(ids);
}

std::vector<Endpoint> Records::attached() const {
  auto endpoints = read_all(store::list_directory(state_ + "/attached"));
  std::erase_if(endpoints, [](const Endpoint& e) { return e.interface.empty(); });  // gone in between
  return endpoints;
}

std::vector<Endpoint> Records::read_all(const std::vector<std::string>& ids) const {
  std::vector<Endpoint> endpoints;
  for (const std::string& id : ids) try {
      if (auto endpoint = find(id)) endpoints.push_back(std::move(*endpoint));
    } catch (const base::Error& e) {
      base::log(base::LogLevel::warning, e.message());
    }
  return endpoints;
}

bool Records::any_attached() const { return !store::list_directory(state_ + "/attached").empty(); }

void Records::write(const Endpoint& endpoint, bool durable) const {
  store::make_directory(root_ + "/endpoints");
  Endpoint recorded = endpoint;
  recorded.interface.clear();  // of this boot only
  store::write_record(record_path(endpoint.id), recorded, durable);
}

void Records::erase(const std::string& id) const {
  store::remove_file(record_path(id));
  const std::lock_guard guard(mutex_);
  cache_.erase(id);
}

void Records::set_attached(const std::string& id, const std::string& interface) const {
  store::make_directory(state_ + "/attached");
  store::write_file_atomically(state_ + "/attached/" + id, interface, false);
}

bool Records::clear_attached(const std::string& id) const { return store::remove_file(state_ + "/attached/" + id); }

bool claim_file(const std::string& path, const std::string& id) { return store::create_exclusively(path, id, false); }

void Records::set_files_directory(const std::string& id, const std::string& directory) const {
  store::make_directory(state_ + "/files");
  store::write_file_atomically(state_ + "/files/" + id, directory, false);
}

std::optional<std::string> Records::files_directory(const std::string& id) const {
  return linux::try_read_file(state_ + "/files/" + id);
}

void Records::sweep() const {
  for (const auto& directory : {root_ + "/endpoints", state_, state_ + "/attached", state_ + "/files"})
    store::sweep_temporary_files(directory);
}

void Records::clear_files_directory(const std::string& id) const { store::remove_file(state_ + "/files/" + id); }

}  // namespace conductor::network
