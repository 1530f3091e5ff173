#include "monitor/log_file.hpp"

#include "base/error.hpp"
#include "monitor/status.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace conductor::monitor {
namespace {

void put_header(char* record, std::uint8_t stream, std::size_t size) {
  LogHeader header;
  header.time_ns = static_cast<std::uint64_t>(now_ns());
  header.length = static_cast<std::uint32_t>(size);
  header.stream = stream;
  std::memcpy(record, &header, sizeof header);
}

}  // namespace

LogFile::LogFile(std::string path, std::int64_t limit, int files)
    : path_(std::move(path)),
      file_(linux::open_file(path_, O_WRONLY | O_CREAT | O_APPEND, 0600)),
      limit_(limit),
      files_(files) {
  struct stat found{};
  if (fstat(file_.get(), &found) != 0) throw base::Error::from_errno("cannot look at " + path_);
  size_ = found.st_size;
}

void LogFile::append(std::uint8_t stream, char* record, std::size_t size) {
  if (!file_) return;
  if (limit_ > 0 && size_ >= limit_) rotate();
  if (lost_ != 0) tell_of_loss();
  put_header(record, stream, size);
  if (lost_ != 0 || !write(record, sizeof(LogHeader) + size)) lost_ += size;
}

// A record is in the file whole or not at all.
bool LogFile::write(const char* record, std::size_t size) {
  ssize_t written = 0;
  do written = ::write(file_.get(), record, size);
  while (written < 0 && errno == EINTR);
  if (written == static_cast<ssize_t>(size)) {
    size_ += written;
    return true;
  }
  // Without room to shorten a file there would be none for its blocks either; readers stop at a torn last record.
  if (written > 0 && ftruncate(file_.get(), size_) != 0) size_ += written;
  return false;
}

void LogFile::tell_of_loss() {
  const std::string text = "[conductor: " + std::to_string(lost_) + " bytes of output were not logged: no space]\n";
  std::string record(sizeof(LogHeader), '\0');
  record += text;
  put_header(record.data(), 2, text.size());
  if (write(record.data(), record.size())) lost_ = 0;
}

// What fails here leaves the present file in use, longer than it should be.
void LogFile::rotate() {
  const auto name = [this](int number) { return number == 0 ? path_ : path_ + "." + std::to_string(number); };
  for (int number = files_ - 1; number > 0; --number) std::rename(name(number - 1).c_str(), name(number).c_str());
  if (files_ <= 1) unlink(path_.c_str());
  linux::Fd fresh(open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!fresh) return;
  file_ = std::move(fresh);
  size_ = 0;
}

}  // namespace conductor::monitor
