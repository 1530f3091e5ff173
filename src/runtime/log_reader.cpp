#include "runtime/log_reader.hpp"

#include "base/error.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace conductor::runtime {
namespace {

using base::Error;
using monitor::LogHeader;

constexpr std::size_t read_size = 256U << 10U;
constexpr std::size_t longest_record = 1U << 20U;

}  // namespace

// --- records
// ------------------------------------------------------------------------------------------------------------

void RecordParser::add(std::string_view bytes) {
  buffer_.erase(0, used_);
  used_ = 0;
  buffer_ += bytes;
}

std::optional<Record> RecordParser::next() {
  LogHeader header;
  if (buffer_.size() - used_ < sizeof header) return std::nullopt;
  std::memcpy(&header, buffer_.data() + used_, sizeof header);
  if ((header.stream != 1 && header.stream != 2) || header.length > longest_record)
    throw Error("the log is damaged: no record begins here");
  if (buffer_.size() - used_ - sizeof header < header.length) return std::nullopt;
  const std::string_view bytes(buffer_.data() + used_ + sizeof header, header.length);
  used_ += sizeof header + header.length;
  return Record{static_cast<std::int64_t>(header.time_ns), header.stream, bytes};
}

// --- files
// --------------------------------------------------------------------------------------------------------------

LogReader::LogReader(std::string path) : path_(std::move(path)) {
  for (int number = 1;; ++number) {
    auto file = linux::try_open(path_ + "." + std::to_string(number), O_RDONLY);
    if (!file) break;
    older_.insert(older_.begin(), std::move(*file));
  }
}

void LogReader::read(const std::function<bool(const Record&)>& use) {
  for (auto& file : std::exchange(older_, {})) {
    file_ = std::move(file);
    parser_ = {};
    if (!read_file(use)) return;
    file_.reset();
  }
  for (;;) {
    if (!file_) {
      auto file = linux::try_open(path_, O_RDONLY);
      if (!file) return;
      file_ = std::move(*file);
      parser_ = {};
    }
    // Asked before reading: what is appended later is in the file that takes its place.
    const bool rotated = was_rotated();
    if (!read_file(use) || !rotated) return;
    file_.reset();
  }
}

bool LogReader::was_rotated() const {
  struct stat ours{};
  struct stat present{};
  if (fstat(file_.get(), &ours) != 0 || stat(path_.c_str(), &present) != 0) return false;
  return ours.st_ino != present.st_ino || ours.st_dev != present.st_dev;
}

bool LogReader::read_file(const std::function<bool(const Record&)>& use) {
  static thread_local std::string buffer(read_size, '\0');
  for (;;) {
    const ssize_t size = ::read(file_.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) throw Error::from_errno("cannot read " + path_);
    if (size == 0) return true;
    parser_.add({buffer.data(), static_cast<std::size_t>(size)});
    while (const auto record = parser_.next())
      if (!use(*record)) return false;
  }
}

// --- lines
// --------------------------------------------------------------------------------------------------------------

void each_line(const Record& record, const std::function<void(std::string_view piece)>& line) {
  std::string_view rest = record.bytes;
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    const auto size = end == rest.npos ? rest.size() : end + 1;
    line(rest.substr(0, size));
    rest.remove_prefix(size);
  }
}

void TailFinder::add(const Record& record) {
  each_line(record, [&](std::string_view piece) {
    bool& in_line = in_line_[record.stream];
    if (!in_line) ++begun_;
    in_line = piece.back() != '\n';
  });
}

std::uint64_t TailFinder::skip() const { return begun_ > lines_ ? begun_ - lines_ : 0; }

}  // namespace conductor::runtime
