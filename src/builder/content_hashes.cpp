#include "builder/content_hashes.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/sha256.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "builder/file_content.hpp"
#include "store/records.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <exception>
#include <mutex>
#include <thread>

namespace conductor::builder {
namespace {

using base::Error;

constexpr std::string_view magic = "conductor content hashes 2\n";
constexpr std::size_t max_entries = 1U << 20U;
constexpr std::size_t file_limit = 128U << 20U;
constexpr std::size_t buffer_size = 256U << 10U;
// Small files that are read for their hash are kept for the copy that most likely follows: opening them twice costs
// more.
constexpr std::size_t kept_file_size = 16U << 10U, kept_bytes = 64U << 20U;
constexpr std::int64_t second = 1'000'000'000;
// Two writes within one tick of a file system's clock leave the same time. A file younger than that when it was read
// may have changed afterwards without a trace. Times without a fraction come from a clock that counts in seconds.
constexpr std::int64_t fine_tick = second / 20, coarse_tick = 2 * second;

std::int64_t nanoseconds(const timespec& time) { return time.tv_sec * second + time.tv_nsec; }

bool is_settled(const struct stat& status, std::int64_t now) {
  const bool coarse = status.st_mtim.tv_nsec == 0 && status.st_ctim.tv_nsec == 0;
  const std::int64_t youngest = std::max(nanoseconds(status.st_mtim), nanoseconds(status.st_ctim));
  return youngest + (coarse ? coarse_tick : fine_tick) < now;
}

struct FileHash {
  std::string hash;
  bool whole = true;  // as long as it should be
  bool attributes = false;
};

// What fits into the buffer is in it afterwards.
FileHash read_and_hash(int fd, off_t size, const std::string& path, std::vector<char>& buffer) {
  base::Sha256 hash;
  const auto expected = static_cast<std::size_t>(size);
  std::size_t done = 0;
  while (done < expected) {
    const ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw Error::from_errno("cannot read " + path);
    if (got == 0) break;
    hash.update({buffer.data(), static_cast<std::size_t>(got)});
    done += static_cast<std::size_t>(got);
  }
  const std::string attributes = attributes_hash(fd, path);
  if (!attributes.empty()) hash.field(attributes);
  return {hash.hex(), done == expected, !attributes.empty()};
}

// Copies a file for the layer while somebody else reads it for its hash. Failing is no harm: then it is copied later.
class CopyMeanwhile {
 public:
  CopyMeanwhile(const linux::RootFd& root, InputFile& file, Spool& spool) : file_(file) {
    try {
      auto [out, name] = spool.create();
      file_.spooled = spool.path() + "/" + name;
      in_ = root.open(file.path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
      out_ = std::move(out);
      thread_ = std::thread([this] { copy(); });
    } catch (const std::exception&) {
      file_.spooled.clear();
    }
  }
  ~CopyMeanwhile() { finish(); }
  CopyMeanwhile(const CopyMeanwhile&) = delete;
  CopyMeanwhile& operator=(const CopyMeanwhile&) = delete;

  void finish() {
    if (thread_.joinable()) thread_.join();
    if (failed_) file_.spooled.clear();
  }

 private:
  void copy() noexcept {
    try {
      copy_content(in_.get(), out_.get(), file_.status, file_.path);
    } catch (const std::exception&) {
      failed_ = true;
    }
  }

  InputFile& file_;
  linux::Fd in_, out_;
  std::thread thread_;
  bool failed_ = false;  // read after the thread has ended
};

void hash_file(const linux::RootFd& root, InputFile& file, std::vector<char>& buffer, bool keep, Spool* spool) {
  const linux::Fd fd = root.open(file.path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  std::optional<CopyMeanwhile> copy;
  if (spool != nullptr && file.status.st_size >= Spool::worthwhile && file.status.st_nlink == 1)
    copy.emplace(root, file, *spool);
  const FileHash found = read_and_hash(fd.get(), file.status.st_size, file.path, buffer);
  if (copy) copy->finish();
  if (found.attributes) file.spooled.clear();  // a change of the owner would take the capabilities away
  struct stat after{};
  if (fstat(fd.get(), &after) != 0) throw Error::from_errno("cannot look at " + file.path);
  if (!found.whole || after.st_ino != file.status.st_ino ||
      nanoseconds(after.st_ctim) != nanoseconds(file.status.st_ctim))
    throw Error(base::escape_control(file.path) + " changed while the build read it");
  file.content = found.hash;
  if (keep && !found.attributes)  // it is in the buffer whole
    file.bytes.emplace(buffer.data(), static_cast<std::size_t>(file.status.st_size));
}

void hash_files(const linux::RootFd& root, const std::vector<InputFile*>& files, Spool* spool) {
  std::atomic<std::size_t> next = 0, kept = 0;
  std::mutex mutex;
  std::exception_ptr failure;
  const auto work = [&] {
    try {
      std::vector<char> buffer(buffer_size);
      for (std::size_t i = next++; i < files.size(); i = next++) {
        const auto size = static_cast<std::size_t>(files[i]->status.st_size);
        hash_file(root, *files[i], buffer, size <= kept_file_size && (kept += size) <= kept_bytes, spool);
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      failure = std::current_exception();
      next = files.size();
    }
  };
  constexpr std::size_t files_per_thread = 64, bytes_per_thread = 4U << 20U;
  std::size_t bytes = 0;
  for (const auto* file : files) bytes += static_cast<std::size_t>(file->status.st_size);
  const std::size_t worthwhile = std::max(files.size() / files_per_thread, bytes / bytes_per_thread);
  const std::size_t count = std::min({worthwhile, files.size(), std::size_t{std::thread::hardware_concurrency()}});
  std::vector<std::thread> others;
  for (std::size_t i = 1; i < count; ++i) others.emplace_back(work);
  work();
  for (auto& thread : others) thread.join();
  if (failure) std::rethrow_exception(failure);
}

std::string to_hex(const unsigned char (&bytes)[32]) {
  constexpr const char* digits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * sizeof bytes);
  for (const unsigned char byte : bytes) text += {digits[byte >> 4U], digits[byte & 15U]};
  return text;
}

void from_hex(const std::string& text, unsigned char (&bytes)[32]) {
  const auto digit = [](char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10); };
  for (std::size_t i = 0; i < sizeof bytes; ++i)
    bytes[i] = static_cast<unsigned char>(digit(text[2 * i]) << 4U | digit(text[2 * i + 1]));
}

}  // namespace

std::string hash_of(int file, off_t size, const std::string& path) {
  std::vector<char> buffer(buffer_size);
  const FileHash found = read_and_hash(file, size, path, buffer);
  if (!found.whole) throw Error(base::escape_control(path) + " is shorter than it should be");
  return found.hash;
}

std::pair<linux::Fd, std::string> Spool::create() {
  const std::lock_guard lock(mutex_);
  if (!tree_) tree_.emplace(parent_);
  const std::string name = std::to_string(count_++);
  return {linux::open_file(tree_->path() + "/" + name, O_RDWR | O_CREAT | O_EXCL, 0600), name};
}

ContentHashes::ContentHashes(std::string file) : file_(std::move(file)) {
  static_assert(std::is_trivially_copyable_v<Entry> && sizeof(Entry) == 72);
  if (file_.empty()) return;
  const auto bytes = linux::try_read_file(file_, file_limit);
  if (!bytes || !bytes->starts_with(magic) || (bytes->size() - magic.size()) % sizeof(Entry) != 0) return;
  known_.resize((bytes->size() - magic.size()) / sizeof(Entry));
  if (!known_.empty()) std::memcpy(known_.data(), bytes->data() + magic.size(), known_.size() * sizeof(Entry));
}

ContentHashes::~ContentHashes() {
  try {
    save();
  } catch (const std::exception& e) {
    base::log(base::LogLevel::debug, std::string("content hashes are not remembered: ") + e.what());
  }
}

ContentHashes::Key ContentHashes::key_of(const struct stat& status) {
  return {status.st_dev, status.st_ino, static_cast<std::uint64_t>(status.st_size), nanoseconds(status.st_mtim),
          nanoseconds(status.st_ctim)};
}

const ContentHashes::Hash* ContentHashes::find(const Key& key) const {
  const auto found = std::lower_bound(known_.begin(), known_.end(), key,
                                      [](const Entry& entry, const Key& wanted) { return entry.key < wanted; });
  if (found != known_.end() && found->key == key) return &found->hash;
  const auto learnt = learnt_.find(key);
  return learnt != learnt_.end() ? &learnt->second : nullptr;
}

std::vector<InputFile*> ContentHashes::fill_known(std::vector<Selected>& selected) const {
  const std::lock_guard lock(mutex_);
  std::vector<InputFile*> unknown;
  for (auto& source : selected)
    for (auto& file : source.files) {
      if (!S_ISREG(file.status.st_mode)) continue;
      if (const Hash* hash = find(key_of(file.status)))
        file.content = to_hex(hash->bytes);
      else
        unknown.push_back(&file);
    }
  return unknown;
}

void ContentHashes::learn(const std::vector<InputFile*>& files) {
  const std::lock_guard lock(mutex_);
  for (const auto* file : files) {
    if (file->unsettled) continue;
    Hash hash;
    from_hex(file->content, hash.bytes);
    learnt_[key_of(file->status)] = hash;
  }
}

void ContentHashes::fill(const linux::RootFd& root, std::vector<Selected>& selected, Spool* spool) {
  const auto unknown = fill_known(selected);
  if (unknown.empty()) return;
  const std::int64_t now = base::now_unix_ns();
  for (auto* file : unknown) file->unsettled = !is_settled(file->status, now);
  hash_files(root, unknown, spool);
  read_files_ += unknown.size();
  learn(unknown);
}

void ContentHashes::save() {
  if (learnt_.empty() || file_.empty()) return;
  // Old entries of files that are gone cannot be told from those of files this build did not need: they go all at once.
  if (known_.size() + learnt_.size() > max_entries) known_.clear();
  for (const auto& [key, hash] : learnt_) known_.push_back({key, hash});
  learnt_.clear();
  std::sort(known_.begin(), known_.end(), [](const Entry& a, const Entry& b) { return a.key < b.key; });
  known_.erase(std::unique(known_.begin(), known_.end(), [](const Entry& a, const Entry& b) { return a.key == b.key; }),
               known_.end());
  std::string bytes(magic);
  bytes.append(reinterpret_cast<const char*>(known_.data()), known_.size() * sizeof(Entry));
  store::make_directory(file_.substr(0, file_.rfind('/')));
  store::write_file_atomically(file_, bytes, false);
}

}  // namespace conductor::builder
