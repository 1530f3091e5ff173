#include "image/layer_reader.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "image/tar_header.hpp"
#include "image/tree_entries.hpp"
#include "linux/root_fd.hpp"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <optional>

namespace conductor::image {
namespace {

using base::Error;

constexpr std::size_t longest_records = 1UL << 20U;
constexpr std::string_view attribute_prefix = "SCHILY.xattr.";

[[noreturn]] void refuse(const std::string& why) { throw Error("not an archive of a layer: " + why); }

// --- bytes
// -------------------------------------------------------------------------------------------------------------

class Input {
 public:
  explicit Input(int file) : file_(file), block_(std::make_unique_for_overwrite<char[]>(size)) {}

  // At most `wanted` bytes, at least one unless it is the end.
  std::string_view some(std::int64_t wanted) {
    if (at_ == end_) fill();
    const auto count = std::min<std::int64_t>(wanted, static_cast<std::int64_t>(end_ - at_));
    const std::string_view bytes(block_.get() + at_, static_cast<std::size_t>(count));
    at_ += bytes.size();
    return bytes;
  }
  std::string exactly(std::size_t wanted) {
    std::string bytes;
    while (bytes.size() < wanted) {
      const auto more = some(static_cast<std::int64_t>(wanted - bytes.size()));
      if (more.empty()) refuse("it ends too early");
      bytes += more;
    }
    return bytes;
  }

 private:
  static constexpr std::size_t size = 256UL << 10U;
  void fill() {
    ssize_t count = 0;
    do count = read(file_, block_.get(), size);
    while (count < 0 && errno == EINTR);
    if (count < 0) throw Error::from_errno("cannot read the archive");
    at_ = 0;
    end_ = static_cast<std::size_t>(count);
  }

  int file_;
  std::unique_ptr<char[]> block_;
  std::size_t at_ = 0, end_ = 0;
};

// --- headers
// -----------------------------------------------------------------------------------------------------------

std::string text_at(const std::string& header, std::size_t offset, std::size_t length) {
  const std::string field = header.substr(offset, length);
  return field.substr(0, field.find('\0'));
}

std::int64_t number_at(const std::string& header, std::size_t offset, std::size_t length) {
  std::int64_t value = 0;
  for (std::size_t i = offset; i + 1 < offset + length; ++i) {
    if (header[i] < '0' || header[i] > '7') refuse("a number is not octal");
    value = value * 8 + (header[i] - '0');
  }
  return value;
}

std::int64_t decimal(const std::string& text) {
  const bool negative = text.starts_with('-');
  const auto value = base::parse_number(negative ? text.substr(1) : text);
  if (!value) refuse("a record is no number");
  return negative ? -*value : *value;
}

void apply_record(TarEntry& entry, const std::string& key, const std::string& value) {
  if (key == "path")
    entry.name = value;
  else if (key == "linkpath")
    entry.link = value;
  else if (key == "uid")
    entry.uid = decimal(value);
  else if (key == "gid")
    entry.gid = decimal(value);
  else if (key == "size")
    entry.size = decimal(value);
  else if (key == "mtime")
    entry.modified = decimal(value);
  else if (key.starts_with(attribute_prefix))
    entry.attributes[key.substr(attribute_prefix.size())] = value;
  else if (key != "hdrcharset")
    refuse("a record of an unknown kind");
}

// "LENGTH KEY=VALUE\n" …
void apply_records(TarEntry& entry, std::string_view records) {
  while (!records.empty()) {
    const auto blank = records.find(' ');
    const auto length = base::parse_number(records.substr(0, std::min<std::size_t>(blank, 8)), longest_records);
    if (blank == std::string_view::npos || !length || static_cast<std::size_t>(*length) > records.size() ||
        static_cast<std::size_t>(*length) < blank + 2)
      refuse("a record of a wrong length");
    const auto record = records.substr(blank + 1, static_cast<std::size_t>(*length) - blank - 1);
    const auto equals = record.find('=');
    if (equals == std::string_view::npos || record.back() != '\n') refuse("a record without a value");
    apply_record(entry, std::string(record.substr(0, equals)),
                 std::string(record.substr(equals + 1, record.size() - equals - 2)));
    records.remove_prefix(static_cast<std::size_t>(*length));
  }
}

TarEntry parse_header(const std::string& header) {
  unsigned sum = 0;
  for (std::size_t i = 0; i < header.size(); ++i)
    sum += i >= 148 && i < 156 ? static_cast<unsigned>(' ') : static_cast<unsigned char>(header[i]);
  if (header.compare(257, 8, std::string_view("ustar\00000", 8)) != 0 || number_at(header, 148, 7) != sum ||
      header.compare(154, 2, std::string_view("\0 ", 2)) != 0)
    refuse("a header is damaged");
  TarEntry entry;
  entry.name = text_at(header, 0, 100);
  entry.mode = static_cast<unsigned>(number_at(header, 100, 8)) & 07777U;
  entry.uid = number_at(header, 108, 8);
  entry.gid = number_at(header, 116, 8);
  entry.size = number_at(header, 124, 12);
  entry.modified = number_at(header, 136, 12);
  entry.type = static_cast<TarType>(header[156]);
  entry.link = text_at(header, 157, 100);
  entry.major = number_at(header, 329, 8);
  entry.minor = number_at(header, 337, 8);
  return entry;
}

bool is_zero(const std::string& block) { return block.find_first_not_of('\0') == std::string::npos; }

// Nothing at the end of the archive.
std::optional<TarEntry> next_entry(Input& input) {
  std::string header = input.exactly(tar_block);
  std::string records;
  if (header[156] == 'x') {
    const std::int64_t size = parse_header(header).size;
    if (size < 0 || size > static_cast<std::int64_t>(longest_records)) refuse("its records are too long");
    records = input.exactly(static_cast<std::size_t>(size));
    input.exactly(tar_padding(size));
    header = input.exactly(tar_block);
  }
  if (is_zero(header)) {
    if (!records.empty() || !is_zero(input.exactly(tar_block)) || !input.some(1).empty()) refuse("it ends wrongly");
    return std::nullopt;
  }
  TarEntry entry = parse_header(header);
  apply_records(entry, records);
  if (entry.size < 0) refuse("a file of a negative size");
  return entry;
}

// --- entries
// -----------------------------------------------------------------------------------------------------------

void check(int result, const char* what) {
  if (result != 0) throw Error::from_errno(what);
}

class Maker {
 public:
  explicit Maker(const std::string& directory) : root_(linux::RootFd::open(directory)) {
    open_.push_back({"", linux::open_file(directory, open_as_directory), std::nullopt});
  }

  void make(const TarEntry& entry, Input& input) {
    if (entry.name == "./") return take_over(open_.front().fd, entry);
    const bool directory = entry.type == TarType::directory;
    const std::string path =
        directory && entry.name.ends_with('/') ? entry.name.substr(0, entry.name.size() - 1) : entry.name;
    const auto slash = path.rfind('/');
    const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
    if (slash == 0) refuse("a name that begins with a slash");
    go_to(slash == std::string::npos ? "" : path.substr(0, slash));
    if (name.empty() || name == "." || name == ".." || path.find('\0') != std::string::npos)
      refuse("a name that is none");
    if (directory)
      make_directory(entry, path, name);
    else if (entry.type == TarType::file && name.starts_with(whiteout_prefix))
      make_mark(name);
    else if (entry.type == TarType::file)
      make_file(entry, name, input);
    else if (entry.type == TarType::hard_link)
      make_link(entry, name);
    else
      make_special(entry, name);
    if (entry.type != TarType::file && entry.size != 0) refuse("content where none can be");
  }
  void finish() {
    while (open_.size() > 1) close_last();
    if (open_.front().modified) set_time(open_.front());
  }

 private:
  // A directory whose entries may follow, and its time, which making them changes.
  struct Open {
    std::string path;
    linux::Fd fd;
    std::optional<std::int64_t> modified;
  };

  const linux::Fd& here() const { return open_.back().fd; }

  static std::array<timespec, 2> times(std::int64_t modified) { return {timespec{modified, 0}, timespec{modified, 0}}; }
  static void set_time(const Open& directory) {
    check(futimens(directory.fd.get(), times(*directory.modified).data()), "cannot set a time");
  }
  void close_last() {
    set_time(open_.back());
    open_.pop_back();
  }
  void go_to(const std::string& parent) {
    while (open_.back().path != parent) {
      if (open_.size() == 1) refuse("an entry outside of the directories before it");
      close_last();
    }
  }

  // The owner first: changing it takes set-user-id bits and capabilities away.
  static void set_owner_and_mode(const linux::Fd& fd, const TarEntry& entry) {
    check(fchown(fd.get(), static_cast<uid_t>(entry.uid), static_cast<gid_t>(entry.gid)), "cannot set an owner");
    check(fchmod(fd.get(), entry.mode), "cannot set a mode");
    for (const auto& [name, value] : entry.attributes)
      if (is_kept_attribute(name))
        check(fsetxattr(fd.get(), name.c_str(), value.data(), value.size(), 0), "cannot set an extended attribute");
  }

  void take_over(const linux::Fd& root, const TarEntry& entry) {
    set_owner_and_mode(root, entry);
    open_.front().modified = entry.modified;
  }

  void make_directory(const TarEntry& entry, const std::string& path, const std::string& name) {
    check(mkdirat(here().get(), name.c_str(), 0700), "cannot make a directory");
    linux::Fd fd = linux::open_at(here().get(), name, open_as_directory);
    set_owner_and_mode(fd, entry);
    open_.push_back({path, std::move(fd), entry.modified});
  }

  void make_mark(const std::string& name) {
    if (name == opaque_marker)
      check(fsetxattr(here().get(), opaque_attribute, "y", 1, 0), "cannot make a directory opaque");
    else
      check(mknodat(here().get(), name.substr(whiteout_prefix.size()).c_str(), S_IFCHR, makedev(0, 0)),
            "cannot make a whiteout");
  }

  void make_file(const TarEntry& entry, const std::string& name, Input& input) {
    const linux::Fd file = linux::open_at(here().get(), name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    for (std::int64_t left = entry.size; left > 0;) {
      const auto bytes = input.some(left);
      if (bytes.empty()) refuse("it ends too early");
      linux::write_all(file.get(), bytes);
      left -= static_cast<std::int64_t>(bytes.size());
    }
    input.exactly(tar_padding(entry.size));
    set_owner_and_mode(file, entry);
    check(futimens(file.get(), times(entry.modified).data()), "cannot set a time");
  }

  void make_link(const TarEntry& entry, const std::string& name) {
    const auto slash = entry.link.rfind('/');
    const std::string parent = slash == std::string::npos ? "" : entry.link.substr(0, slash);
    const linux::Fd directory = root_.open(parent, O_PATH | O_DIRECTORY);
    const std::string target = slash == std::string::npos ? entry.link : entry.link.substr(slash + 1);
    if (target.empty() || target == "." || target == "..") refuse("a link to no file");
    check(linkat(directory.get(), target.c_str(), here().get(), name.c_str(), 0), "cannot make a hard link");
  }

  void make_special(const TarEntry& entry, const std::string& name) {
    if (entry.type == TarType::symbolic_link) {
      check(symlinkat(entry.link.c_str(), here().get(), name.c_str()), "cannot make a symbolic link");
    } else {
      const auto device = makedev(static_cast<unsigned>(entry.major), static_cast<unsigned>(entry.minor));
      check(mknodat(here().get(), name.c_str(), type_of(entry) | 0600U, device), "cannot make a special file");
    }
    check(fchownat(here().get(), name.c_str(), static_cast<uid_t>(entry.uid), static_cast<gid_t>(entry.gid),
                   AT_SYMLINK_NOFOLLOW),
          "cannot set an owner");
    // It has just been made in a directory that nobody else sees, and is no link.
    if (entry.type != TarType::symbolic_link)
      check(fchmodat(here().get(), name.c_str(), entry.mode, 0), "cannot set a mode");
    check(utimensat(here().get(), name.c_str(), times(entry.modified).data(), AT_SYMLINK_NOFOLLOW),
          "cannot set a time");
  }

  static mode_t type_of(const TarEntry& entry) {
    switch (entry.type) {
      case TarType::fifo:
        return S_IFIFO;
      case TarType::block_device:
        return S_IFBLK;
      case TarType::character_device:
        return S_IFCHR;
      default:
        refuse("an entry of an unknown kind");
    }
  }

  linux::RootFd root_;
  std::vector<Open> open_;  // the root, and the directories down to the last entry
};

}  // namespace

void read_layer(int file, const std::string& directory) {
  Input input(file);
  Maker maker(directory);
  while (const auto entry = next_entry(input)) {
    const base::Context context(base::escape_control(entry->name));
    maker.make(*entry, input);
  }
  maker.finish();
}

}  // namespace conductor::image
