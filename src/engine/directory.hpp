// The directory of a container, ROOT/containers/ID, and its name. What makes a container exist is its record there,
// `config.json`: it is written last and taken away first. A directory without record that nobody has locked is the rest
// of a command that was killed (or of a build step), and so is a name that leads to one; recover removes both.
#pragma once

#include "engine/container.hpp"
#include "store/locations.hpp"
#include "store/lock.hpp"

#include <optional>
#include <string>
#include <vector>

namespace conductor::engine {

std::string record_path(const store::Locations& locations, const std::string& id);
bool has_record(const store::Locations& locations, const std::string& id);
// Nothing when there is none; DamagedRecord when it cannot be read.
std::optional<Container> read_container(const store::Locations& locations, const std::string& id);
void write_container(const store::Locations& locations, const Container& container);
// Ids of all containers, sorted.
std::vector<std::string> recorded_ids(const store::Locations& locations);

// Makes the directory with its writable layer; it is locked from the start.
store::Lock make_directory(const store::Locations& locations, const std::string& id);
// Throws Error "no such container" when it is gone.
store::Lock lock_directory(const store::Locations& locations, const std::string& id);
// Nothing when somebody else works on it, or it is gone.
std::optional<store::Lock> try_lock_directory(const store::Locations& locations, const std::string& id);

// Says, before the record goes, that the volumes nobody named stay: whoever finishes a removal does not take them.
void keep_volumes(const store::Locations& locations, const std::string& id);
bool keeps_volumes(const store::Locations& locations, const std::string& id);

// With everything in it; absent is fine. The caller holds its lock, which ends with it.
void remove_directory(const store::Locations& locations, const std::string& id);

// Its network namespace is shared with another container, and may outlive it: noted until it is cleaned up after.
void note_shared(const store::Locations& locations, const std::string& id);
bool is_shared(const store::Locations& locations, const std::string& id);

// The id a name leads to.
std::optional<std::string> id_of_name(const store::Locations& locations, const std::string& name);
// False when the name is taken.
bool take_name(const store::Locations& locations, const std::string& name, const std::string& id);
// Only when it leads to that id.
void give_up_name(const store::Locations& locations, const std::string& name, const std::string& id);

}  // namespace conductor::engine
