// What is known of endpoints: the durable record (ROOT/network/endpoints/ID.json), and below STATE/network what dies
// with the boot: attached/ID holds the interface, files/ID the directory of the hosts file, resolved/ID.json what host
// names stand for, words/WORD/ID which endpoints a name, a group or a network has to do with.
#pragma once

#include "network/network.hpp"
#include "network/word_index.hpp"

#include <sys/stat.h>

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace conductor::network {

class Records {
 public:
  explicit Records(const store::Locations& locations);

  std::optional<Endpoint> find(const std::string& id) const;
  std::vector<Endpoint> list() const;      // damaged records are logged and left out
  std::vector<Endpoint> attached() const;  // those that have an interface; others are not even read
  std::vector<std::string> attached_ids() const;
  bool is_attached(const std::string& id) const;
  bool any_attached() const;
  bool any_attached_but(const std::string& id) const;
  // Those that have to do with it, attached or not, itself left out: whom it names in a link, who names it, and the
  // members of its networks. Reads their records alone, however many others there are.
  std::vector<Endpoint> related(const Endpoint& endpoint) const;
  // The attached ones of these. Whatever changes with the endpoint changes among them, so that one start costs little
  // however many others run.
  std::vector<Endpoint> attached_around(const Endpoint& endpoint) const;
  // Members of a network.
  std::vector<Endpoint> members(const std::string& network) const;
  void write(const Endpoint& endpoint, bool durable) const;
  void erase(const std::string& id) const;

  void set_attached(const std::string& id, const std::string& interface) const;
  bool clear_attached(const std::string& id) const;  // false when it was not

  void set_files_directory(const std::string& id, const std::string& directory) const;
  std::optional<std::string> files_directory(const std::string& id) const;
  void clear_files_directory(const std::string& id) const;

  // What a host name stands for, beside what it stood for before: that stays for one more change, so that a client that
  // has just learned an address is not cut. False when nothing has changed.
  bool set_resolved(const std::string& id, const ResolvedName& name) const;
  void clear_resolved(const std::string& id) const;

  // An endpoint that is running changes: said before the record is written, with the endpoint as it was, and taken back
  // when table, routes and names have followed. One that stays is a command's that was killed or has failed in between.
  void begin_change(const Endpoint& before) const;
  void end_change(const std::string& id) const;
  std::vector<Endpoint> unfinished_changes() const;
  bool any_unfinished_change() const;

  // What killed writers left.
  void sweep() const;

  std::string addresses() const { return root_ + "/addresses"; }
  std::string ports() const { return root_ + "/ports"; }
  std::string networks() const { return root_ + "/networks"; }
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
  std::vector<std::string> all_ids() const;
  std::set<std::string> former_words(const std::string& id) const;
  void complete_index() const;
  std::string record_path(const std::string& id) const { return root_ + "/endpoints/" + id + ".json"; }
  std::string resolved_path(const std::string& id) const;
  std::vector<ResolvedName> resolved(const std::string& id) const;

  std::string root_, state_;
  WordIndex index_;
  mutable std::mutex mutex_;
  mutable std::map<std::string, Cached> cache_;
};

// Makes a file that names its holder; false when somebody else has it. Never synced: what a crash of the machine leaves
// of it is an abandoned claim, and the records say what was meant.
bool claim_file(const std::string& path, const std::string& id);

}  // namespace conductor::network
