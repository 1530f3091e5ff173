#include "monitor/log_archive.hpp"

#include "base/error.hpp"
#include "monitor/beside.hpp"
#include "monitor/log.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <memory>

namespace conductor::monitor {
namespace {

using base::Error;
using linux::Fd;

constexpr std::size_t piece = 64U << 10U;
constexpr int least_urgent = 19;

void deflate_all(int source, const Fd& target) {
  z_stream stream{};
  constexpr int gzip = 16;
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, MAX_WBITS + gzip, MAX_MEM_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
    throw Error("cannot compress");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, deflateEnd);
  std::string input(piece, '\0');
  std::string output(piece, '\0');
  for (bool last = false; !last;) {
    const ssize_t size = read(source, input.data(), input.size());
    if (size < 0) throw Error::from_errno("cannot read a log");
    last = size == 0;
    stream.next_in = reinterpret_cast<Bytef*>(input.data());
    stream.avail_in = static_cast<uInt>(size);
    do {
      stream.next_out = reinterpret_cast<Bytef*>(output.data());
      stream.avail_out = static_cast<uInt>(output.size());
      deflate(&stream, last ? Z_FINISH : Z_NO_FLUSH);
      linux::write_all(target.get(), {output.data(), output.size() - stream.avail_out});
    } while (stream.avail_out == 0);
  }
}

}  // namespace

void compress_log_file(const std::string& log, std::uint64_t number) {
  const std::string plain = log_file_name(log, number);
  const std::string compressed = compressed_log_name(log, number);
  const std::string temporary = compressed + ".tmp";
  const auto source = linux::try_open(plain, O_RDONLY);
  if (!source) return;
  try {
    const Fd target = linux::open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    deflate_all(source->get(), target);
    struct stat found{};
    if (fstat(source->get(), &found) != 0) throw Error::from_errno("cannot look at " + plain);
    const timespec times[] = {found.st_mtim, found.st_mtim};
    if (futimens(target.get(), times) != 0 || std::rename(temporary.c_str(), compressed.c_str()) != 0)
      throw Error::from_errno("cannot finish " + compressed);
  } catch (const Error&) {
    unlink(temporary.c_str());
    throw;
  }
  if (unlink(plain.c_str()) != 0 && errno == ENOENT) unlink(compressed.c_str());
}

LogArchive::~LogArchive() {
  if (!worker_.pidfd) return;
  linux::send_signal(worker_.pidfd, SIGKILL);
  linux::wait_for(worker_.pidfd);
}

void LogArchive::compress_before(std::uint64_t present) {
  if (worker_.pidfd && !linux::try_wait(worker_.pidfd)) return;
  worker_.pidfd.reset();
  try {
    worker_ = clone_beside({}, [log = log_, present] {
      setpriority(PRIO_PROCESS, 0, least_urgent);
      for (const auto number : log_numbers(log))
        if (number < present) compress_log_file(log, number);
      return 0;
    });
  } catch (const Error&) {
    // The next rotation tries again.
  }
}

}  // namespace conductor::monitor
