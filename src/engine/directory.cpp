#include "engine/directory.hpp"

#include "base/text.hpp"
#include "engine/launch.hpp"
#include "linux/fd.hpp"
#include "store/records.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace conductor::engine {

namespace {
std::string lock_path(const store::Locations& locations, const std::string& id) {
  return locations.container(id) + "/lock";
}
std::string name_path(const store::Locations& locations, const std::string& name) {
  return locations.names() + "/" + name;
}
std::string shared_path(const store::Locations& locations, const std::string& id) {
  return locations.run(id) + "/shared";
}
std::string keep_volumes_path(const store::Locations& locations, const std::string& id) {
  return locations.container(id) + "/keep-volumes";
}
}  // namespace

std::string record_path(const store::Locations& locations, const std::string& id) {
  return locations.container(id) + "/config.json";
}

bool has_record(const store::Locations& locations, const std::string& id) {
  return access(record_path(locations, id).c_str(), F_OK) == 0;
}

std::optional<Container> read_container(const store::Locations& locations, const std::string& id) {
  return store::read_record<Container>(record_path(locations, id));
}

void write_container(const store::Locations& locations, const Container& container) {
  // One that removes itself does not outlive the boot: nothing of it has to reach the disk.
  store::write_record(record_path(locations, container.id), container, !container.config.auto_remove);
}

std::vector<std::string> recorded_ids(const store::Locations& locations) {
  std::vector<std::string> ids;
  for (auto& id : store::list_directory(locations.containers()))
    if (has_record(locations, id)) ids.push_back(std::move(id));
  return ids;
}

store::Lock make_directory(const store::Locations& locations, const std::string& id) {
  // A recovery may take the directory for an abandoned one before it is locked; then it is made again.
  const auto locked = [&] {
    store::make_directory(locations.container(id));
    return try_lock_directory(locations, id);
  };
  auto held = locked();
  while (!held) held = locked();
  store::Lock lock = std::move(*held);
  const std::string upper = upper_directory(locations, id);
  store::make_directory(upper);
  // Its mode is that of "/" in the container, whatever our umask.
  if (chmod(upper.c_str(), 0755) != 0) throw base::Error::from_errno("cannot set the mode of " + upper);
  store::make_directory(work_directory(locations, id));
  return lock;
}

store::Lock lock_directory(const store::Locations& locations, const std::string& id) {
  const auto exists = [&] { return access(locations.container(id).c_str(), F_OK) == 0; };
  const base::Error none("no such container: " + base::short_id(id));
  if (!exists()) throw none;
  try {
    return store::Lock::acquire(lock_path(locations, id));
  } catch (const base::Error&) {
    if (!exists()) throw none;  // removed meanwhile
    throw;
  }
}

std::optional<store::Lock> try_lock_directory(const store::Locations& locations, const std::string& id) {
  try {
    return store::Lock::try_acquire(lock_path(locations, id));
  } catch (const base::Error&) {
    return std::nullopt;
  }
}

void keep_volumes(const store::Locations& locations, const std::string& id) {
  store::create_exclusively(keep_volumes_path(locations, id), "");
}

bool keeps_volumes(const store::Locations& locations, const std::string& id) {
  return access(keep_volumes_path(locations, id).c_str(), F_OK) == 0;
}

void remove_directory(const store::Locations& locations, const std::string& id) {
  // First out of the way in one step: nobody who still knows the path can make a file in it meanwhile.
  const store::TemporaryTree grave(locations.temporary());
  const std::string path = locations.container(id);
  if (std::rename(path.c_str(), (grave.path() + "/container").c_str()) != 0 && errno != ENOENT)
    throw base::Error::from_errno("cannot remove " + path);
}

// Without run directory it has ended, and there is nothing to share.
void note_shared(const store::Locations& locations, const std::string& id) {
  linux::try_open(shared_path(locations, id), O_WRONLY | O_CREAT | O_NOFOLLOW, 0600);
}

bool is_shared(const store::Locations& locations, const std::string& id) {
  return access(shared_path(locations, id).c_str(), F_OK) == 0;
}

std::optional<std::string> id_of_name(const store::Locations& locations, const std::string& name) {
  if (!store::valid_name(name)) return std::nullopt;
  return linux::try_read_file(name_path(locations, name), 128);
}

bool take_name(const store::Locations& locations, const std::string& name, const std::string& id) {
  return store::create_exclusively(name_path(locations, name), id);
}

void give_up_name(const store::Locations& locations, const std::string& name, const std::string& id) {
  if (id_of_name(locations, name) == id) store::remove_file(name_path(locations, name));
}

}  // namespace conductor::engine
