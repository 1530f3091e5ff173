#include "runtime/compressed_log.hpp"

#include "base/error.hpp"

#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include <memory>
#include <string>

namespace conductor::runtime {

linux::Fd decompress(const linux::Fd& file) {
  linux::Fd result(memfd_create("log", MFD_CLOEXEC));
  if (!result) throw base::Error::from_errno("cannot make a file in memory");
  z_stream stream{};
  constexpr int gzip = 16;
  if (inflateInit2(&stream, MAX_WBITS + gzip) != Z_OK) throw base::Error("cannot decompress");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, inflateEnd);
  constexpr std::size_t piece = 256U << 10U;
  std::string input(piece, '\0');
  std::string output(piece, '\0');
  for (int state = Z_OK; state != Z_STREAM_END;) {
    if (stream.avail_in == 0) {
      const ssize_t size = read(file.get(), input.data(), input.size());
      if (size < 0) throw base::Error::from_errno("cannot read it");
      if (size == 0) throw base::Error("it ends too early");
      stream.next_in = reinterpret_cast<Bytef*>(input.data());
      stream.avail_in = static_cast<uInt>(size);
    }
    stream.next_out = reinterpret_cast<Bytef*>(output.data());
    stream.avail_out = static_cast<uInt>(output.size());
    state = inflate(&stream, Z_NO_FLUSH);
    if (state != Z_OK && state != Z_STREAM_END) throw base::Error("it is damaged");
    linux::write_all(result.get(), {output.data(), output.size() - stream.avail_out});
  }
  return result;
}

}  // namespace conductor::runtime
