// Where things lie on disk. Two roots: durable, and gone at reboot; both 0700.
#pragma once

#include <string>

namespace conductor::store {

struct Locations {
  std::string root;   // durable: CONDUCTOR_ROOT, /var/lib/conductor
  std::string state;  // gone at reboot: CONDUCTOR_STATE; /run/conductor, or ROOT/run when only a root is given
  // Names everything the kernel holds for us: cgroup, nft table, interface prefix. "conductor" for the default root,
  // else "conductor-" and 6 hex digits of the root's path, so that two roots never meet.
  std::string instance;

  // From CONDUCTOR_ROOT and CONDUCTOR_STATE; arguments that are not empty win (--root, --state).
  static Locations choose(const std::string& root = {}, const std::string& state = {});
  // Makes both roots and their first level, each 0700. Two stat(2) when they exist.
  void prepare() const;

  std::string containers() const { return root + "/containers"; }  // ID/…
  std::string container(const std::string& id) const { return containers() + "/" + id; }
  std::string run(const std::string& id) const { return state + "/containers/" + id; }
  std::string names() const { return root + "/names"; }      // container name → id, by exclusive creation
  std::string images() const { return root + "/images"; }    // ID.json
  std::string tags() const { return root + "/tags"; }        // reference, encoded → image id
  std::string layers() const { return root + "/layers"; }    // ID (32 hex)/: directories in overlay form
  std::string cache() const { return root + "/cache"; }      // build step key → layer
  std::string bases() const { return root + "/bases"; }      // bootstrapped suites: image records
  std::string volumes() const { return root + "/volumes"; }  // NAME/{record.json,data}
  std::string network() const { return root + "/network"; }
  std::string cache_mounts() const { return root + "/cache-mounts"; }  // of builds: NAME/{record.json,data}
  std::string projects() const { return root + "/projects"; }
  std::string temporary() const { return root + "/tmp"; }  // on the same file system as everything above
  std::string locks() const { return state + "/locks"; }
  std::string events() const { return state + "/events"; }  // monitor/event_journal.hpp
};

}  // namespace conductor::store
