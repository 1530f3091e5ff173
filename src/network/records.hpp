// What is known of endpoints: the durable record (ROOT/network/endpoints/ID.json), and below STATE/network what dies
// with the boot: attached/ID holds the interface, files/ID the directory of the hosts file.
#pragma once

#include "network/network.hpp"

#include <sys/stat.h>

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace conductor::network {

class Records {
 public:
  explicit Records(const store::Locations& locations);

  std::optional<Endpoint> find(const std::string& id) const;
  std::vector<Endpoint> list() const;      // damaged records are logged and left out
  std::vector<Endpoint> attached() const;  // those that have an interface; others are not even read
  bool any_attached() const;
  void write(const Endpoint& endpoint, bool durable) const;
  void erase(const std::string& id) const;

  void set_attached(const std::string& id, const std::string& interface) const;
  bool clear_attached(const std::string& id) const;  // false when it was not

  void set_files_directory(const std::string& id, const std::string& directory) const;
  std::optional<std::string> files_directory(const std::string& id) const;
  void clear_files_directory(const std::string& id) const;

  // What killed writers left.
  void sweep() const;

  std::string addresses() const { return root_ + "/addresses"; }
  std::string ports() const { return root_ + "/ports"; }
  std::string state() const { return state_; }

 private:
  // A record read before, good for as long as the file is the same one: records are replaced, never written in place.
  struct Cached {
    ino_t inode = 0;
    timespec changed{};
    Endpoint endpoint;
  };
  std::optional<Endpoint> read(const std::string& id) const;
  std::vector<Endpoint> read_all(const std::vector<std::string>& ids) const;
  std::string record_path(const std::string& id) const { return root_ + "/endpoints/" + id + ".json"; }

  std::string root_, state_;
  mutable std::mutex mutex_;
  mutable std::map<std::string, Cached> cache_;
};

// Makes a file that names its holder; false when somebody else has it. Never synced: what a crash of the machine leaves
// of it is an abandoned claim, and the records say what was meant.
bool claim_file(const std::string& path, const std::string& id);

}  // namespace conductor::network
