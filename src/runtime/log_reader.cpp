#include "runtime/log_reader.hpp"

#include "base/error.hpp"
#include "runtime/compressed_log.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace conductor::runtime {
namespace {

using base::Error;
using linux::Fd;
using monitor::LogHeader;

// Compressed files take the place of those they were made of before these are gone: one of them is there unless the
// number itself was rotated away.
std::optional<Fd> open_log(const std::string& log, std::uint64_t number) {
  if (auto plain = linux::try_open(monitor::log_file_name(log, number), O_RDONLY)) return plain;
  const auto compressed = linux::try_open(monitor::compressed_log_name(log, number), O_RDONLY);
  if (!compressed) return std::nullopt;
  const base::Context context("reading " + monitor::compressed_log_name(log, number));
  return decompress(*compressed);
}

std::int64_t changed_at(const std::string& log, std::uint64_t number) {
  struct stat found{};
  if (stat(monitor::log_file_name(log, number).c_str(), &found) != 0 &&
      stat(monitor::compressed_log_name(log, number).c_str(), &found) != 0)
    return 0;
  return std::int64_t{found.st_mtim.tv_sec} * 1'000'000'000 + found.st_mtim.tv_nsec;
}

std::size_t count_lines(std::string_view bytes) {
  return static_cast<std::size_t>(std::count(bytes.begin(), bytes.end(), '\n'));
}

}  // namespace

LogReader::LogReader(std::string log) : log_(std::move(log)) {}

LogReader LogReader::again() const {
  LogReader other(log_);
  other.number_ = number_;
  other.offset_ = offset_;
  if (file_) other.file_ = file_.duplicate();
  other.begins_ = begins_;
  return other;
}

void LogReader::go_to_time(std::int64_t since) {
  constexpr std::int64_t coarse = 1'000'000'000;  // the kernel's clock for files is behind that for records
  for (const auto number : monitor::log_numbers(log_)) {
    if (changed_at(log_, number) + coarse >= since) return;
    number_ = number;
    begins_ = false;
  }
}

void LogReader::go_to_lines(std::size_t lines, const std::function<bool(const Record&)>& counts) {
  constexpr std::size_t unfinished = 3;  // the last line of each stream may have begun after its last line end, or not
  const std::uint64_t before = number_;
  auto numbers = monitor::log_numbers(log_);
  std::size_t found = 0;
  for (; !numbers.empty() && numbers.back() > before; numbers.pop_back()) {
    auto file = open_log(log_, numbers.back());
    struct stat status{};
    if (!file || fstat(file->get(), &status) != 0) continue;
    file_ = std::move(*file);
    number_ = numbers.back();
    for (offset_ = (status.st_size - 1) / monitor::log_block * monitor::log_block; offset_ >= 0;
         offset_ -= monitor::log_block) {
      const std::int64_t begin = offset_;
      read_block(fill(begin), false, [&](const Record& record) {
        if (counts(record)) found += count_lines(record.bytes);
        return true;
      });
      offset_ = begin;
      if (found < lines + unfinished) continue;
      begins_ = false;
      return;
    }
  }
  number_ = before;
  offset_ = 0;
  file_.reset();
}

void LogReader::read(const Use& use) {
  for (;;) {
    if (!file_ && !open_next()) return;
    // Asked before reading: what is appended later is in the file that takes its place.
    const bool last = !has_next();
    if (!read_file(last, use) || last) return;
    file_.reset();
  }
}

bool LogReader::open_next() {
  for (const auto number : monitor::log_numbers(log_)) {
    if (number <= number_) continue;
    auto file = open_log(log_, number);
    if (!file) continue;  // rotated away meanwhile
    file_ = std::move(*file);
    number_ = number;
    offset_ = 0;
    return true;
  }
  return false;
}

bool LogReader::has_next() const {
  const auto numbers = monitor::log_numbers(log_);
  return !numbers.empty() && numbers.back() > number_;
}

bool LogReader::read_file(bool last, const Use& use) {
  for (;;) {
    const std::int64_t before = offset_;
    const auto bytes = fill(offset_);
    if (!read_block(bytes, last, use)) return false;
    if (offset_ == before) return true;
  }
}

// The rest of the block that `offset` lies in.
std::string_view LogReader::fill(std::int64_t offset) {
  static thread_local std::string buffer(static_cast<std::size_t>(monitor::log_block), '\0');
  const auto wanted = static_cast<std::size_t>(monitor::log_block - offset % monitor::log_block);
  std::size_t filled = 0;
  while (filled < wanted) {
    const ssize_t size =
        pread(file_.get(), buffer.data() + filled, wanted - filled, offset + static_cast<std::int64_t>(filled));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) throw Error::from_errno("cannot read " + log_);
    if (size == 0) break;
    filled += static_cast<std::size_t>(size);
  }
  return {buffer.data(), filled};
}

// `bytes` are those from offset_ on. In the last file a record that is shorter than it says may still grow.
bool LogReader::read_block(std::string_view bytes, bool last, const Use& use) {
  const auto room = [&] { return monitor::room_for_record(offset_); };
  while (room() > 0 && bytes.size() >= sizeof(LogHeader)) {
    LogHeader header;
    std::memcpy(&header, bytes.data(), sizeof header);
    if ((header.stream != 1 && header.stream != 2) || header.length == 0 || header.length > room())
      throw Error("the log is damaged: no record begins at " + std::to_string(offset_) + " of file " +
                  std::to_string(number_));
    const std::string_view content = bytes.substr(sizeof header, header.length);
    if (content.empty() || (content.size() < header.length && last)) return true;
    offset_ += static_cast<std::int64_t>(sizeof header + header.length);
    bytes.remove_prefix(sizeof header + content.size());
    if (!use({static_cast<std::int64_t>(header.time_ns), header.stream, content})) return false;
  }
  if (room() <= 0) offset_ = monitor::next_block(offset_);
  return true;
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
