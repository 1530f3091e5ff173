#include "network/hosts_file.hpp"

#include "base/error.hpp"
#include "network/graph.hpp"
#include "network/names.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace conductor::network {

namespace {

// A reader sees the old text, the new one, or the new one with the end of a longer old one for a moment; never an empty
// file.
void overwrite(const linux::Fd& file, const std::string& text) {
  if (::lseek(file.get(), 0, SEEK_SET) < 0) throw base::Error::from_errno("lseek");
  linux::write_all(file.get(), text);
  if (::ftruncate(file.get(), static_cast<off_t>(text.size())) != 0) throw base::Error::from_errno("ftruncate");
}

}  // namespace

void write_hosts_file(const Settings& settings, const Records& records, const std::string& id,
                      const std::string& directory) {
  const base::Context context("writing " + directory + "/hosts");
  const linux::Fd file = linux::open_file(directory + "/hosts", O_RDWR | O_CREAT | O_NOFOLLOW, 0644);
  ::fchmod(file.get(), 0644);  // readable for every user inside, whatever our umask
  // Under the lock the records are read anew: whoever writes last knows most.
  while (::flock(file.get(), LOCK_EX) != 0)
    if (errno != EINTR) throw base::Error::from_errno("flock");
  const auto endpoint = records.find(id);
  if (!endpoint) return;
  const std::string text = hosts_text(settings, *endpoint, records.related(*endpoint));
  if (linux::read_all(file.get()) != text) overwrite(file, text);
}

void refresh_hosts_files(const Settings& settings, const Records& records, const Endpoint& endpoint) {
  std::vector<std::string> readers = {endpoint.id};
  for (const Endpoint& other : records.related(endpoint))
    if (links_to(other, endpoint)) readers.push_back(other.id);
  for (const auto& id : readers) {
    const auto directory = records.files_directory(id);
    if (directory && ::access((*directory + "/hosts").c_str(), F_OK) == 0)
      write_hosts_file(settings, records, id, *directory);
  }
}

}  // namespace conductor::network
