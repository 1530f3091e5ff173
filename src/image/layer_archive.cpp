#include "image/layer_archive.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "image/digest_thread.hpp"
#include "image/tar_header.hpp"
#include "image/tree_entries.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <map>
#include <memory>
#include <vector>

namespace conductor::image {
namespace {

using base::Error;

// --- bytes
// -------------------------------------------------------------------------------------------------------------

// Gathers bytes into large blocks, two in turn, so that a sink may still use one while the other is filled.
class Blocks {
 public:
  explicit Blocks(const ArchiveSink& sink) : sink_(sink) {}

  void append(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::size_t count = std::min(bytes.size(), room());
      std::memcpy(free_space(), bytes.data(), count);
      bytes.remove_prefix(count);
      advance(count);
    }
  }
  void append_zeros(std::size_t count) {
    static constexpr std::array<char, tar_end> zeros{};
    append({zeros.data(), count});
  }
  // Exactly that many bytes of a file, from its offset, read where they are to be.
  void append_file(int fd, std::int64_t size) {
    while (size > 0) {
      const auto wanted = static_cast<std::size_t>(std::min<std::int64_t>(size, static_cast<std::int64_t>(room())));
      const ssize_t count = read(fd, free_space(), wanted);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) throw Error::from_errno("cannot read it");
      if (count == 0) throw Error("it became shorter while it was read");
      size -= count;
      advance(static_cast<std::size_t>(count));
    }
  }
  void finish() {
    flush();
    sink_({});
  }

 private:
  static constexpr std::size_t block_size = 512UL << 10U;

  char* free_space() {
    auto& block = blocks_[current_];
    if (!block) block = std::make_unique_for_overwrite<char[]>(block_size);
    return block.get() + used_;
  }
  void flush() {
    if (used_ == 0) return;
    sink_({blocks_[current_].get(), used_});
    current_ = 1 - current_;
    used_ = 0;
  }
  std::size_t room() const { return block_size - used_; }
  void advance(std::size_t count) {
    used_ += count;
    if (used_ == block_size) flush();
  }

  const ArchiveSink& sink_;
  std::array<std::unique_ptr<char[]>, 2> blocks_;
  std::size_t current_ = 0;
  std::size_t used_ = 0;
};

// --- the archive
// -----------------------------------------------------------------------------------------------------------

enum class Content { read, counted };

class Archiver {
 public:
  Archiver(ArchiveForm form, const ArchiveSink& sink, Content content = Content::read)
      : form_(form), reading_(content == Content::read), blocks_(sink) {}

  std::int64_t write(const linux::RootFd& root) {
    const linux::Fd directory = linux::open_at(root.get(), ".", open_as_directory);
    const Attributes attributes = attributes_of(directory);
    if (form_ == ArchiveForm::layer) {
      const auto status = status_of(directory);
      const bool plain = (status.st_mode & 07777U) == 0755 && status.st_uid == 0 && status.st_gid == 0;
      if (!plain || !attributes.kept.empty()) put(entry_of("./", TarType::directory, status), attributes);
    }
    below(directory, "", attributes.opaque);
    return finish();
  }

  std::int64_t write_file(const linux::Fd& source, const std::string& name) {
    const base::Context context("/" + base::escape_control(name));
    const auto status = status_of(source);
    if (S_ISDIR(status.st_mode)) {
      linux::Fd directory = linux::open_at(source.get(), ".", open_as_directory);
      if (!name.empty()) directory = put_directory(std::move(directory), name + "/");
      below(directory, name.empty() ? "" : name + "/", false);
    } else if (S_ISREG(status.st_mode)) {
      put_content(open_seen(source), name);
    } else if (!S_ISSOCK(status.st_mode)) {
      put_special(source, "", name, status);
    }
    return finish();
  }

 private:
  std::int64_t finish() {
    blocks_.append_zeros(tar_end);
    blocks_.finish();
    return content_ + padding_;
  }

  // `path` is empty or ends in "/".
  void below(const linux::Fd& directory, const std::string& path, bool opaque) {
    if (opaque && form_ == ArchiveForm::layer) put_marker(path + std::string(opaque_marker));
    for (const auto& child : list(directory, path)) {
      const std::string name = path + child.archived;
      if (child.whiteout)
        put_marker(name);
      else if (const linux::Fd below_it = put_child_if_there(directory, child.name, name))
        below(below_it, name + "/", opaque_);
    }
  }

  linux::Fd put_child_if_there(const linux::Fd& directory, const std::string& name, const std::string& path) {
    try {
      return put_child(directory, name, path);
    } catch (const Error& e) {
      if (form_ != ArchiveForm::living || e.code() != ENOENT) throw;
      return {};
    }
  }

  std::vector<Child> list(const linux::Fd& directory, const std::string& path) const {
    const base::Context context("/" + base::escape_control(path));
    return children_of(directory, form_ == ArchiveForm::layer);
  }

  // The directory, if it is one.
  linux::Fd put_child(const linux::Fd& directory, const std::string& name, const std::string& path) {
    const base::Context context("/" + base::escape_control(path));
    const auto status = status_at(directory.get(), name);
    if (S_ISDIR(status.st_mode))
      return put_directory(linux::open_at(directory.get(), name, open_as_directory), path + "/");
    if (S_ISREG(status.st_mode))
      put_file(directory, name, path, status);
    else if (!S_ISSOCK(status.st_mode))
      put_special(directory, name, path, status);
    return {};
  }

  void put_special(const linux::Fd& directory, const std::string& name, const std::string& path,
                   const struct stat& status) {
    if (is_further_name(path, status)) return;
    TarEntry entry = entry_of(path, TarType::fifo, status);
    if (S_ISLNK(status.st_mode)) {
      entry.type = TarType::symbolic_link;
      entry.mode = 0777;
      entry.link = link_target(directory, name);
    } else if (!S_ISFIFO(status.st_mode)) {
      entry.type = S_ISCHR(status.st_mode) ? TarType::character_device : TarType::block_device;
      entry.major = gnu_dev_major(status.st_rdev);
      entry.minor = gnu_dev_minor(status.st_rdev);
    }
    blocks_.append(tar_header(entry));
  }

  linux::Fd put_directory(linux::Fd directory, const std::string& path) {
    const Attributes attributes = attributes_of(directory);
    put(entry_of(path, TarType::directory, status_of(directory)), attributes);
    opaque_ = attributes.opaque;
    return directory;
  }

  void put_file(const linux::Fd& directory, const std::string& name, const std::string& path, const struct stat& seen) {
    if (is_further_name(path, seen)) return;
    if (form_ == ArchiveForm::living)
      put_content(open_seen(linux::open_at(directory.get(), name, O_PATH | O_NOFOLLOW)), path);
    else
      put_content(linux::open_at(directory.get(), name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK), path);
  }

  // By the descriptor: the name may lead elsewhere by now.
  static linux::Fd open_seen(const linux::Fd& seen) {
    if (!S_ISREG(status_of(seen).st_mode)) throw Error("it changed while it was read");
    return linux::open_file("/proc/self/fd/" + std::to_string(seen.get()), O_RDONLY | O_NONBLOCK);
  }

  void put_content(const linux::Fd& file, const std::string& path) {
    const auto status = status_of(file);
    if (!S_ISREG(status.st_mode)) throw Error("it changed while it was read");
    TarEntry entry = entry_of(path, TarType::file, status);
    entry.size = status.st_size;
    put(std::move(entry), attributes_of(file));
    if (reading_) {
      blocks_.append_file(file.get(), status.st_size);
      blocks_.append_zeros(tar_padding(status.st_size));
    } else {
      padding_ += static_cast<std::int64_t>(tar_padding(status.st_size));
    }
    content_ += status.st_size;
  }

  // What has been written under another name is written as a link to that one.
  bool is_further_name(const std::string& path, const struct stat& status) {
    if (status.st_nlink < 2) return false;
    const auto [first, is_new] = names_.emplace(std::pair(status.st_dev, status.st_ino), path);
    if (is_new) return false;
    TarEntry entry = entry_of(path, TarType::hard_link, status);
    if (S_ISLNK(status.st_mode)) entry.mode = 0777;
    entry.link = first->second;
    blocks_.append(tar_header(entry));
    return true;
  }

  static std::string link_target(const linux::Fd& directory, const std::string& name) {
    std::array<char, PATH_MAX> target{};
    const ssize_t size = readlinkat(directory.get(), name.c_str(), target.data(), target.size());
    if (size < 0) throw Error::from_errno("cannot read the link");
    return {target.data(), static_cast<std::size_t>(size)};
  }

  static TarEntry entry_of(std::string path, TarType type, const struct stat& status) {
    TarEntry entry;
    entry.name = std::move(path);
    entry.type = type;
    entry.mode = status.st_mode & 07777U;
    entry.uid = status.st_uid;
    entry.gid = status.st_gid;
    entry.modified = status.st_mtim.tv_sec;
    return entry;
  }

  void put(TarEntry entry, const Attributes& attributes) {
    entry.attributes = attributes.kept;
    blocks_.append(tar_header(entry));
  }

  // Markers say nothing but their name.
  void put_marker(const std::string& path) {
    TarEntry entry;
    entry.name = path;
    blocks_.append(tar_header(entry));
  }

  ArchiveForm form_;
  bool reading_;
  Blocks blocks_;
  std::map<std::pair<dev_t, ino_t>, std::string> names_;  // of files with several
  bool opaque_ = false;                                   // of the directory put last
  std::int64_t content_ = 0;
  std::int64_t padding_ = 0;  // after content that is only counted
};

void clamp(int directory, const std::string& name, const struct stat& status, std::int64_t newest) {
  const auto& time = status.st_mtim;
  if (time.tv_sec < newest || (time.tv_sec == newest && time.tv_nsec == 0)) return;
  const std::array<timespec, 2> times{timespec{0, UTIME_OMIT}, timespec{newest, 0}};
  if (utimensat(directory, name.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) != 0)
    throw Error::from_errno("cannot set the time of " + base::escape_control(name));
}

void clamp_below(const linux::Fd& directory, std::int64_t newest) {
  for (const auto& [name, type] : read_names(directory)) {
    const auto status = status_at(directory.get(), name);
    if (S_ISDIR(status.st_mode)) clamp_below(linux::open_at(directory.get(), name, open_as_directory), newest);
    clamp(directory.get(), name, status, newest);
  }
}

}  // namespace

std::int64_t write_archive(const linux::RootFd& root, ArchiveForm form, const ArchiveSink& sink) {
  Archiver archiver(form, sink);
  try {
    return archiver.write(root);
  } catch (...) {
    sink({});  // nobody uses the bytes any more when they go
    throw;
  }
}

std::int64_t write_file_archive(const linux::Fd& source, const std::string& name, const ArchiveSink& sink) {
  Archiver archiver(ArchiveForm::living, sink);
  try {
    return archiver.write_file(source, name);
  } catch (...) {
    sink({});  // nobody uses the bytes any more when they go
    throw;
  }
}

std::int64_t archive_size(const linux::RootFd& root, ArchiveForm form) {
  std::int64_t rest = 0;
  const ArchiveSink count = [&](std::string_view bytes) { rest += static_cast<std::int64_t>(bytes.size()); };
  const std::int64_t content = Archiver(form, count, Content::counted).write(root);
  return content + rest;
}

LayerDigest digest_layer(const std::string& directory) {
  DigestThread digest;
  LayerDigest result;
  result.size = write_archive(linux::RootFd::open(directory), ArchiveForm::layer,
                              [&](std::string_view bytes) { digest.take(bytes); });
  result.diff_id = "sha256:" + digest.finish();
  return result;
}

void clamp_times(const std::string& directory, std::int64_t newest) {
  const linux::Fd root = linux::open_file(directory, open_as_directory);
  clamp_below(root, newest);
  clamp(root.get(), ".", status_of(root), newest);
}

}  // namespace conductor::image
