#include "network/word_index.hpp"

#include "base/error.hpp"
#include "base/sha256.hpp"
#include "linux/fd.hpp"
#include "store/records.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace conductor::network {

namespace {

constexpr std::size_t longest_file_name = 200;
constexpr const char* marker = ".complete";  // no word begins with a dot on disk
constexpr int attempts = 16;                 // others may remove a directory that empties that often

// Letters, digits, '_' and '-' as they are, others as %XX; a word that gets too long by its hash.
std::string file_name(const std::string& word) {
  constexpr char digits[] = "0123456789abcdef";
  std::string name;
  for (const char c : word) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                       c == '-' || (c == '.' && !name.empty());
    const auto byte = static_cast<unsigned char>(c);
    if (plain)
      name += c;
    else
      name += {'%', digits[byte >> 4U], digits[byte & 0xfU]};
  }
  return name.size() <= longest_file_name ? name : "%" + base::sha256_hex(word);
}

}  // namespace

std::string WordIndex::path(const std::string& word) const { return directory_ + "/" + file_name(word); }

bool WordIndex::complete() const { return ::access((directory_ + "/" + marker).c_str(), F_OK) == 0; }

void WordIndex::mark_complete() const {
  store::make_directory(directory_);
  linux::open_file(directory_ + "/" + marker, O_WRONLY | O_CREAT | O_NOFOLLOW, 0600);
}

void WordIndex::add(const std::string& word, const std::string& id) const {
  const std::string file = path(word) + "/" + id;
  for (int attempt = 1;; ++attempt) {
    const linux::Fd made(::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (made) return;
    if (errno != ENOENT || attempt == attempts) throw base::Error::from_errno(file);
    store::make_directory(path(word));
  }
}

void WordIndex::remove(const std::string& word, const std::string& id) const {
  store::remove_file(path(word) + "/" + id);
  ::rmdir(path(word).c_str());  // stays while another id is in it
}

std::vector<std::string> WordIndex::ids(const std::string& word) const { return store::list_directory(path(word)); }

}  // namespace conductor::network
