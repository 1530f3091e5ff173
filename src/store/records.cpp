#include "store/records.hpp"

#include "base/text.hpp"
#include "linux/root_fd.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

namespace conductor::store {
namespace {

using base::Error;

// A file that is being written has a name of this form and is locked by its writer: who finds one unlocked may remove
// it.
constexpr std::string_view temporary_prefix = ".tmp-";

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

void sync_directory(const std::string& path) {
  const linux::Fd directory = linux::open_file(path, O_RDONLY | O_DIRECTORY);
  if (fsync(directory.get()) != 0) throw Error::from_errno("cannot sync " + path);
}

bool lock_now(int fd) { return flock(fd, LOCK_EX | LOCK_NB) == 0; }

bool still_named(int fd) {
  struct stat found{};
  return fstat(fd, &found) == 0 && found.st_nlink > 0;
}

// A file under a temporary name in `directory`, with its content; removed unless renamed.
class TemporaryFile {
 public:
  TemporaryFile(const std::string& directory, std::string_view content, bool durable) {
    // A sweep may come between making and locking: then another name is tried.
    do {
      path_ = directory + "/" + std::string(temporary_prefix) + new_id().substr(0, 16);
      file_ = linux::open_file(path_, O_WRONLY | O_CREAT | O_EXCL, 0600);
    } while (!lock_now(file_.get()) || !still_named(file_.get()));
    try {
      linux::write_all(file_.get(), content);
      if (durable && fsync(file_.get()) != 0) throw Error::from_errno("cannot sync " + path_);
    } catch (...) {
      unlink(path_.c_str());
      throw;
    }
  }
  ~TemporaryFile() {
    if (!renamed_) unlink(path_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  void rename_to(const std::string& path) {
    if (rename(path_.c_str(), path.c_str()) != 0) throw Error::from_errno("cannot rename " + path_ + " to " + path);
    renamed_ = true;
  }
  // False when the name is taken.
  bool link_to(const std::string& path) const {
    if (link(path_.c_str(), path.c_str()) == 0) return true;
    if (errno == EEXIST) return false;
    throw Error::from_errno("cannot make " + path);
  }

 private:
  std::string path_;
  linux::Fd file_;
  bool renamed_ = false;
};

// A file without a name in `directory`, with its content (open(2), O_TMPFILE); nothing where the file system has none.
std::optional<linux::Fd> nameless_file(const std::string& directory, std::string_view content, bool durable) {
  linux::Fd file(open(directory.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));
  if (!file && (errno == EOPNOTSUPP || errno == EISDIR)) return std::nullopt;
  if (!file) throw Error::from_errno("cannot make a file in " + directory);
  const base::Context context(directory);
  linux::write_all(file.get(), content);
  if (durable && fsync(file.get()) != 0) throw Error::from_errno("cannot sync a file");
  return file;
}

// False when the name is taken.
bool give_name(const linux::Fd& file, const std::string& path) {
  const std::string source = "/proc/self/fd/" + std::to_string(file.get());
  if (linkat(AT_FDCWD, source.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) == 0) return true;
  if (errno == EEXIST) return false;
  throw Error::from_errno("cannot make " + path);
}

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};

// All names but "." and "..", in no order; empty when the directory is absent.
std::vector<std::string> all_names(const std::string& path) {
  const std::unique_ptr<DIR, CloseDirectory> directory(opendir(path.c_str()));
  std::vector<std::string> names;
  if (!directory) {
    if (errno == ENOENT) return names;
    throw Error::from_errno("cannot list " + path);
  }
  for (;;) {
    errno = 0;
    const dirent* entry = readdir(directory.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) throw Error::from_errno("cannot list " + path);
  return names;
}

bool is_name_character(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

base::Json with_format(base::Json json) {
  if (json.members() == nullptr) return json;
  base::Json result = base::Json::object();
  result.set("format", record_format);
  for (const auto& [name, value] : *json.members()) result.set(name, value);
  return result;
}

}  // namespace

void write_file_atomically(const std::string& path, std::string_view content, bool durable) {
  const std::string directory = directory_of(path);
  TemporaryFile file(directory, content, durable);
  file.rename_to(path);
  if (durable) sync_directory(directory);
}

std::optional<base::Json> read_json(const std::string& path) {
  const auto text = linux::try_read_file(path);
  if (!text) return std::nullopt;
  base::Json json;
  {
    const base::Context context("damaged record " + path);
    try {
      json = base::Json::parse(*text);
    } catch (const Error& e) {
      throw DamagedRecord(e);
    }
  }
  const base::Json* format = json.find("format");
  if (format != nullptr && format->integer() != nullptr && *format->integer() > record_format)
    throw Error("record " + path + " has format " + std::to_string(*format->integer()) + ", this program knows " +
                std::to_string(record_format))
        .with_hint("a later version of conductor wrote it; use that version");
  return json;
}

void write_json(const std::string& path, base::Json json, bool durable) {
  write_file_atomically(path, with_format(std::move(json)).dump(1) + "\n", durable);
}

bool create_exclusively(const std::string& path, std::string_view content, bool durable) {
  if (access(path.c_str(), F_OK) == 0) return false;
  const std::string directory = directory_of(path);
  if (const auto file = nameless_file(directory, content, durable)) {
    if (!give_name(*file, path)) return false;
  } else if (!TemporaryFile(directory, content, durable).link_to(path)) {
    return false;
  }
  if (durable) sync_directory(directory);
  return true;
}

bool remove_file(const std::string& path) {
  if (unlink(path.c_str()) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  throw Error::from_errno("cannot remove " + path);
}

std::vector<std::string> list_directory(const std::string& path) {
  auto names = all_names(path);
  std::erase_if(names, [](const std::string& name) { return name.front() == '.'; });
  std::sort(names.begin(), names.end());
  return names;
}

void make_directory(const std::string& path, unsigned mode) {
  constexpr int attempts = 100;  // others may remove it between a refusal and our look at what is there
  int code = 0;
  for (int attempt = 0; attempt < attempts; ++attempt) {
    if (mkdir(path.c_str(), mode) == 0) return;
    code = errno;
    struct stat found{};
    if (code == ENOENT && directory_of(path) != path) {
      make_directory(directory_of(path), mode);
    } else if (code != EEXIST) {
      break;
    } else if (stat(path.c_str(), &found) == 0) {
      if (S_ISDIR(found.st_mode)) return;
      break;
    }
  }
  throw Error("cannot make the directory " + path, code);
}

std::string new_id() {
  unsigned char bytes[32];
  if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes) throw Error::from_errno("cannot get random bytes");
  constexpr const char* digits = "0123456789abcdef";
  std::string id;
  for (const unsigned char byte : bytes) {
    id += digits[byte >> 4U];
    id += digits[byte & 15U];
  }
  return id;
}

bool valid_name(std::string_view name) {
  if (name.empty() || name.size() > 128 || !is_name_character(name.front())) return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return is_name_character(c) || c == '_' || c == '.' || c == '-'; });
}

void require_valid_name(std::string_view kind, std::string_view name) {
  if (valid_name(name)) return;
  throw Error("invalid " + std::string(kind) + " name \"" + base::escape_control(name) + "\"")
      .with_hint(
          "a name begins with a letter or digit and goes on with letters, digits, _ . -; at most 128 characters");
}

// --- temporary trees and files
// ----------------------------------------------------------------------------------------

TemporaryTree::TemporaryTree(const std::string& parent) {
  // A sweep may come between making and locking: then another name is tried.
  for (;;) {
    path_ = parent + "/" + new_id().substr(0, 32);
    if (mkdir(path_.c_str(), 0700) != 0) throw Error::from_errno("cannot make the directory " + path_);
    auto directory = linux::try_open(path_, O_RDONLY | O_DIRECTORY);
    if (!directory || !lock_now(directory->get()) || !still_named(directory->get())) continue;
    lock_ = std::move(*directory);
    return;
  }
}

TemporaryTree::~TemporaryTree() {
  if (!lock_) return;
  try {
    linux::remove_tree(path_);
  } catch (const std::exception&) {
    // The next sweep_temporary takes it.
  }
}

void sweep_temporary(const std::string& parent) {
  base::Collector failures;
  const std::string prefix = parent + "/";
  for (const auto& name : all_names(parent)) {
    failures.attempt([&] {
      const std::string path = prefix + name;
      const auto entry = linux::try_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
      if (entry && lock_now(entry->get())) linux::remove_tree(path);
    });
  }
  failures.finish();
}

void sweep_temporary_files(const std::string& directory) {
  const std::string prefix = directory + "/";
  for (const auto& name : all_names(directory)) {
    if (!name.starts_with(temporary_prefix)) continue;
    const std::string path = prefix + name;
    const auto file = linux::try_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (file && lock_now(file->get())) remove_file(path);
  }
}

}  // namespace conductor::store
