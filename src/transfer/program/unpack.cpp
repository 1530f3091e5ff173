// modes unpack and probe: archives of the tar family, read by libarchive. Unpacking is done as root with the rights to
// make files and no others, in a root that is the target directory.
#include "base/error.hpp"
#include "base/text.hpp"
#include "linux/mount.hpp"
#include "transfer/program/confine.hpp"
#include "transfer/program/filter.hpp"
#include "transfer/program/modes.hpp"
#include "transfer/program/tree_writer.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace conductor::transfer::program {
namespace {

using base::Error;
using linux::Fd;

// What a small archive may hold before its ratio counts, and that ratio: beyond both it is a bomb.
constexpr std::int64_t small = std::int64_t{1} << 30;
constexpr std::int64_t largest_ratio = 200;
constexpr std::uint64_t memory = std::uint64_t{1} << 30;
constexpr std::uint64_t probe_memory = std::uint64_t{512} << 20;
constexpr std::uint64_t probe_seconds = 10;
constexpr std::int64_t largest_id = 2147483647;
constexpr std::size_t read_step = 256U << 10U;

linux::CapabilitySet bit(int capability) { return linux::CapabilitySet{1} << capability; }

// The source as libarchive reads it: from the descriptor's offset, or, where that must not move, by pread from 0.
struct Source {
  std::unique_ptr<char[]> buffer = std::make_unique<char[]>(read_step);
  bool keep_offset = false;
  off_t offset = 0;
};

la_ssize_t read_source(archive* reader, void* context, const void** data) {
  auto& source = *static_cast<Source*>(context);
  *data = source.buffer.get();
  ssize_t n = 0;
  do
    n = source.keep_offset ? pread(file_descriptor, source.buffer.get(), read_step, source.offset)
                           : read(file_descriptor, source.buffer.get(), read_step);
  while (n < 0 && errno == EINTR);
  if (n < 0) archive_set_error(reader, errno, "cannot read the archive");
  source.offset += std::max<ssize_t>(n, 0);
  return n;
}

class Reader {
 public:
  explicit Reader(bool keep_offset) : archive_(archive_read_new()) {
    source_.keep_offset = keep_offset;
    if (archive_ == nullptr) throw Error("libarchive cannot begin");
    // A filter that is missing here would be a program that is run; there is none to run, but it is refused anyway.
    for (const auto support :
         {archive_read_support_filter_gzip, archive_read_support_filter_bzip2, archive_read_support_filter_xz,
          archive_read_support_filter_zstd, archive_read_support_format_tar})
      if (support(archive_) != ARCHIVE_OK) fail("libarchive lacks a part");
    if (archive_read_open(archive_, &source_, nullptr, read_source, nullptr) != ARCHIVE_OK) fail("it is no archive");
  }
  ~Reader() { archive_read_free(archive_); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // The next entry, or nothing at the end.
  archive_entry* next() {
    archive_entry* entry = nullptr;
    const int result = archive_read_next_header(archive_, &entry);
    if (result == ARCHIVE_EOF) return nullptr;
    if (result != ARCHIVE_OK && result != ARCHIVE_WARN) fail("the archive is damaged");
    return entry;
  }
  struct Block {
    std::string_view bytes;
    std::int64_t offset = 0;
  };
  std::optional<Block> data() {
    const void* bytes = nullptr;
    std::size_t size = 0;
    la_int64_t offset = 0;
    const int result = archive_read_data_block(archive_, &bytes, &size, &offset);
    if (result == ARCHIVE_EOF) return std::nullopt;
    if (result != ARCHIVE_OK && result != ARCHIVE_WARN) fail("the archive is damaged");
    return Block{{static_cast<const char*>(bytes), size}, offset};
  }
  std::int64_t consumed() const { return std::max<std::int64_t>(archive_filter_bytes(archive_, -1), 0); }
  [[noreturn]] void fail(const std::string& what) const {
    const char* words = archive_error_string(archive_);
    throw Error(what + (words != nullptr ? std::string(": ") + words : ""));
  }

 private:
  Source source_;
  archive* archive_;
};

// --- one entry ---------------------------------------------------------------------------------------------

std::uint32_t id_of(std::int64_t id) {
  if (id < 0 || id > largest_id) throw Error("its owner " + std::to_string(id) + " is no user or group");
  return static_cast<std::uint32_t>(id);
}

// Of foreign attributes these alone mean the same here; trusted.* and the overlay's own are ours to set.
bool is_kept(std::string_view name) {
  return name == "security.capability" || (name.starts_with("user.") && !name.starts_with("user.overlay."));
}

EntryMetadata metadata_of(archive_entry* entry) {
  EntryMetadata metadata;
  metadata.uid = id_of(archive_entry_uid(entry));
  metadata.gid = id_of(archive_entry_gid(entry));
  metadata.mode = archive_entry_mode(entry) & 07777U;
  if (archive_entry_mtime_is_set(entry) != 0)
    metadata.modified = {archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)};
  archive_entry_xattr_reset(entry);
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK)
    if (name != nullptr && is_kept(name))
      metadata.attributes[name] = std::string(static_cast<const char*>(value), size);
  return metadata;
}

class Unpacking {
 public:
  Unpacking(const Request& limits, std::int64_t total)
      : limits_(limits), total_(total), reader_(false), tree_(linux::RootFd::open("/")) {}

  Report run() {
    while (archive_entry* entry = reader_.next()) {
      if (++report_.entries > limits_.entries) throw Error("more than " + std::to_string(limits_.entries) + " entries");
      const char* name = archive_entry_pathname(entry);
      if (name == nullptr) throw Error("entry " + std::to_string(report_.entries) + " has no name");
      const base::Context context(base::escape_control(name));
      take(clean_name(name), entry);
      tell_progress(reader_.consumed(), total_);
    }
    tree_.finish();
    return report_;
  }

 private:
  void take(const std::string& name, archive_entry* entry) {
    const EntryMetadata metadata = metadata_of(entry);
    if (const char* target = archive_entry_hardlink(entry); target != nullptr) {
      require_name(name);
      return tree_.hard_link(name, target);
    }
    const mode_t type = archive_entry_filetype(entry);
    if (type == AE_IFDIR) return tree_.directory(name, metadata);
    require_name(name);
    switch (type) {
      case AE_IFREG:
        return take_file(name, entry, metadata);
      case AE_IFLNK:
        return take_link(name, entry, metadata);
      case AE_IFIFO:
        return tree_.node(name, S_IFIFO, 0, metadata);
      case AE_IFCHR:
      case AE_IFBLK:
        return take_device(name, type, entry, metadata);
      default:
        throw Error("a socket, or something else that is no file");
    }
  }
  static void require_name(const std::string& name) {
    if (name.empty()) throw Error("only a directory can stand at the top");
  }
  void take_file(const std::string& name, archive_entry* entry, const EntryMetadata& metadata) {
    const Fd file = tree_.file(name);
    std::int64_t end = 0;
    while (const auto block = reader_.data()) {
      if (block->offset < end) throw Error("the archive is damaged: its parts overlap");
      count(static_cast<std::int64_t>(block->bytes.size()));
      write_at(file.get(), block->bytes, block->offset);
      end = block->offset + static_cast<std::int64_t>(block->bytes.size());
      tell_progress(reader_.consumed(), total_);
    }
    tree_.finish_file(file, std::max<std::int64_t>(end, archive_entry_size(entry)), metadata);
  }
  void take_link(const std::string& name, archive_entry* entry, const EntryMetadata& metadata) {
    const char* target = archive_entry_symlink(entry);
    if (target == nullptr || *target == '\0') throw Error("a link that leads nowhere");
    tree_.symlink(name, target, metadata);
  }
  void take_device(const std::string& name, mode_t type, archive_entry* entry, const EntryMetadata& metadata) {
    const auto major = static_cast<unsigned>(archive_entry_rdevmajor(entry));
    const auto minor = static_cast<unsigned>(archive_entry_rdevminor(entry));
    // In a layer that is how the overlay says "removed"; who makes layers says so in its own words.
    if (type == AE_IFCHR && major == 0 && minor == 0) throw Error("a character device 0:0, which there is not");
    tree_.node(name, type == AE_IFCHR ? S_IFCHR : S_IFBLK, makedev(major, minor), metadata);
  }
  void count(std::int64_t bytes) {
    report_.bytes += bytes;
    if (report_.bytes > limits_.bytes)
      throw Error("the archive holds more than " + std::to_string(limits_.bytes) + " bytes");
    if (report_.bytes > small && report_.bytes / largest_ratio > reader_.consumed())
      throw Error("the archive holds more than " + std::to_string(largest_ratio) + " times its own size");
  }
  static void write_at(int file, std::string_view bytes, std::int64_t offset) {
    while (!bytes.empty()) {
      const ssize_t n = pwrite(file, bytes.data(), bytes.size(), offset);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) throw Error::from_errno("cannot write it");
      bytes.remove_prefix(static_cast<std::size_t>(n));
      offset += n;
    }
  }

  const Request& limits_;
  std::int64_t total_;
  Reader reader_;
  TreeWriter tree_;
  Report report_;
};

// What comes after the archive's end mark, so that who writes to a pipe is not cut off.
void drain() {
  constexpr std::int64_t most = std::int64_t{64} << 20;
  struct stat found{};
  if (fstat(file_descriptor, &found) != 0 || S_ISREG(found.st_mode)) return;
  const auto buffer = std::make_unique<char[]>(read_step);
  for (std::int64_t seen = 0; seen < most;) {
    const ssize_t n = read(file_descriptor, buffer.get(), read_step);
    if (n == 0 || (n < 0 && errno != EINTR)) return;
    seen += std::max<ssize_t>(n, 0);
  }
}

}  // namespace

Report unpack(const Request& request) {
  const base::Context context("unpacking");
  const Fd target = linux::clone_tree(directory_descriptor, false);
  enter_namespaces(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS);
  enter_root(target);
  umask(0);
  set_limits({.file_size = 0, .address_space = memory, .seconds = 0});
  keep_capabilities(bit(CAP_CHOWN) | bit(CAP_DAC_OVERRIDE) | bit(CAP_FOWNER) | bit(CAP_FSETID) | bit(CAP_MKNOD) |
                    bit(CAP_SETFCAP));
  install(unpack_filter());
  struct stat found{};
  const bool regular = fstat(file_descriptor, &found) == 0 && S_ISREG(found.st_mode);
  Report report = Unpacking(request, regular ? found.st_size : 0).run();
  drain();
  return report;
}

Report probe(const Request&) {
  enter_namespaces(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS);
  enter_root(make_small_root({}));
  set_limits({.file_size = 1, .address_space = probe_memory, .seconds = probe_seconds});
  become_nobody();
  install(unpack_filter());
  Report report;
  try {
    report.archive = Reader(true).next() != nullptr;
  } catch (const Error&) {
    report.archive = false;
  }
  return report;
}

}  // namespace conductor::transfer::program
