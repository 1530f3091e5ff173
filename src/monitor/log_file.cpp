#include "monitor/log_file.hpp"

#include "base/error.hpp"
#include "monitor/status.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace conductor::monitor {
namespace {

constexpr auto header_size = std::int64_t{sizeof(LogHeader)};

LogHeader make_header(std::uint8_t stream, std::int64_t size, std::uint64_t time_ns = 0) {
  LogHeader header;
  header.time_ns = time_ns != 0 ? time_ns : static_cast<std::uint64_t>(now_ns());
  header.length = static_cast<std::uint32_t>(size);
  header.stream = stream;
  return header;
}

bool put(int file, const LogHeader& header, std::int64_t at) {
  return pwrite(file, &header, sizeof header, at) == header_size;
}

// What cannot be cut off is written over by the next record, or put right when the log is opened again.
void cut(int file, std::int64_t size) {
  if (ftruncate(file, size) != 0) return;
}

}  // namespace

// Readable too: what was moved is read back for those who are attached, and the end of one that was left is looked at.
LogFile::LogFile(std::string log, std::int64_t limit, int files)
    : log_(std::move(log)), limit_(limit), files_(std::max(1, files)) {
  const auto numbers = log_numbers(log_);
  number_ = numbers.empty() ? 1 : numbers.back();
  file_ = linux::open_file(log_file_name(log_, number_), O_RDWR | O_CREAT, 0600);
  struct stat found{};
  if (fstat(file_.get(), &found) != 0) throw base::Error::from_errno("cannot look at " + log_);
  size_ = found.st_size;
  mend_end();
}

// A monitor that was killed at it has left a record that is shorter than it says, or a part of a header.
void LogFile::mend_end() {
  const std::int64_t end = size_;
  size_ = end / log_block * log_block;
  LogHeader header;
  while (room_for_record(size_) > 0 && pread(file_.get(), &header, sizeof header, size_) == header_size) {
    const std::int64_t left = end - size_ - header_size;
    if (header.length > left) {
      header.length = static_cast<std::uint32_t>(left);
      if (left == 0 || !put(file_.get(), header, size_)) break;
    }
    size_ += header_size + header.length;
  }
  if (size_ < end && ftruncate(file_.get(), size_) != 0) throw base::Error::from_errno("cannot shorten " + log_);
}

std::size_t LogFile::take(std::uint8_t stream, int pipe) {
  int available = 0;
  if (!file_ || ioctl(pipe, FIONREAD, &available) != 0 || available <= 0 || !begin_record()) return 0;
  const auto size = std::min<std::int64_t>(available, room_for_record(size_));
  ssize_t moved = -1;
  if (put(file_.get(), make_header(stream, size), size_)) {
    off64_t at = size_ + header_size;
    do moved = splice(pipe, nullptr, file_.get(), &at, static_cast<std::size_t>(size), 0);
    while (moved < 0 && errno == EINTR);
  }
  return end_record(stream, size, moved) ? static_cast<std::size_t>(moved) : 0;
}

bool LogFile::read_back(char* bytes, std::size_t size) const {
  return pread(file_.get(), bytes, size, size_ - static_cast<std::int64_t>(size)) == static_cast<ssize_t>(size);
}

void LogFile::append(std::uint8_t stream, std::string_view bytes, std::uint64_t time_ns) {
  if (!file_) return;
  while (!bytes.empty()) {
    const bool begun = begin_record();
    const auto room = static_cast<std::size_t>(std::max<std::int64_t>(0, room_for_record(size_)));
    const auto piece = bytes.substr(0, room);
    if (!begun || !write_record(stream, piece, time_ns)) {
      lost_ += bytes.size();
      return;
    }
    bytes.remove_prefix(piece.size());
  }
}

void LogFile::note_loss(std::uint64_t bytes, const char* why) {
  lost_ += bytes;
  why_lost_ = why;
}

void LogFile::tell() {
  if (file_) begin_record();
}

// Where the next record goes, in a file that has room for it.
bool LogFile::begin_record() {
  if (limit_ > 0 && size_ >= limit_) rotate();
  if (lost_ != 0) tell_of_loss();
  if (room_for_record(size_) <= 0) size_ = next_block(size_);
  return lost_ == 0;
}

// A record is in the file whole or not at all.
bool LogFile::write_record(std::uint8_t stream, std::string_view bytes, std::uint64_t time_ns) {
  LogHeader header = make_header(stream, static_cast<std::int64_t>(bytes.size()), time_ns);
  const iovec parts[] = {{&header, sizeof header}, {const_cast<char*>(bytes.data()), bytes.size()}};
  ssize_t written = 0;
  do written = pwritev(file_.get(), parts, 2, size_);
  while (written < 0 && errno == EINTR);
  const std::int64_t whole = header_size + static_cast<std::int64_t>(bytes.size());
  if (written == whole) {
    size_ += whole;
    return true;
  }
  cut(file_.get(), size_);
  return false;
}

// Of what was to be moved, less may have found room.
bool LogFile::end_record(std::uint8_t stream, std::int64_t size, std::int64_t moved) {
  if (moved <= 0 || (moved < size && !put(file_.get(), make_header(stream, moved), size_))) {
    cut(file_.get(), size_);
    return false;
  }
  size_ += header_size + moved;
  return true;
}

void LogFile::tell_of_loss() {
  const std::string text =
      "[conductor: " + std::to_string(lost_) + " bytes of output were not logged: " + why_lost_ + "]\n";
  if (room_for_record(size_) < static_cast<std::int64_t>(text.size())) size_ = next_block(size_);
  if (!write_record(2, text, 0)) return;
  lost_ = 0;
  why_lost_ = "no space";
}

// What fails here leaves the present file in use, longer than it should be.
void LogFile::rotate() {
  linux::Fd fresh(open(log_file_name(log_, number_ + 1).c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fresh) return;
  file_ = std::move(fresh);
  ++number_;
  size_ = 0;
  const auto kept = static_cast<std::uint64_t>(files_);
  if (number_ > kept) {
    unlink(log_file_name(log_, number_ - kept).c_str());
    unlink(compressed_log_name(log_, number_ - kept).c_str());
  }
  if (on_rotated) on_rotated();
}

}  // namespace conductor::monitor
