#include "image/compression.hpp"

#include "base/error.hpp"
#include "base/text.hpp"

#include <zlib.h>
#include <zstd.h>

#include <array>
#include <vector>

namespace conductor::image {
namespace {

using base::Error;

constexpr int gzip_level = 6;  // zlib's own default
constexpr int zstd_level = 3;  // libzstd's own default
constexpr std::size_t output_size = 128UL << 10U;

class Plain : public Compressor {
 public:
  explicit Plain(Sink sink) : sink_(std::move(sink)) {}
  void take(std::string_view bytes) override { sink_(bytes); }
  void finish() override {}

 private:
  Sink sink_;
};

class Gzip : public Compressor {
 public:
  explicit Gzip(Sink sink) : sink_(std::move(sink)), output_(output_size) {
    constexpr int window_with_gzip_header = 15 + 16;
    constexpr int memory_level = 8;
    if (deflateInit2(&stream_, gzip_level, Z_DEFLATED, window_with_gzip_header, memory_level, Z_DEFAULT_STRATEGY) !=
        Z_OK)
      throw Error("cannot begin to compress");
    header_.os = unknown_system;  // and no time: nothing of the machine
    deflateSetHeader(&stream_, &header_);
  }
  ~Gzip() override { deflateEnd(&stream_); }
  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;

  void take(std::string_view bytes) override { deflate_all(bytes, Z_NO_FLUSH); }
  void finish() override { deflate_all({}, Z_FINISH); }

 private:
  static constexpr int unknown_system = 255;

  // zlib's lengths are unsigned int: pieces never come longer than that here.
  void deflate_all(std::string_view bytes, int flush) {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    int result = Z_OK;
    do {
      stream_.next_out = output_.data();
      stream_.avail_out = static_cast<uInt>(output_.size());
      result = deflate(&stream_, flush);
      if (result == Z_STREAM_ERROR) throw Error("cannot compress");
      const std::size_t size = output_.size() - stream_.avail_out;
      if (size > 0) sink_({reinterpret_cast<const char*>(output_.data()), size});
    } while (flush == Z_FINISH ? result != Z_STREAM_END : stream_.avail_out == 0);
  }

  Sink sink_;
  std::vector<Bytef> output_;
  z_stream stream_{};
  gz_header header_{};
};

class Zstd : public Compressor {
 public:
  explicit Zstd(Sink sink) : sink_(std::move(sink)), output_(output_size), context_(ZSTD_createCCtx()) {
    if (!context_) throw Error("cannot begin to compress");
    check(ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, zstd_level));
    check(ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1));
  }
  void take(std::string_view bytes) override { compress(bytes, ZSTD_e_continue); }
  void finish() override { compress({}, ZSTD_e_end); }

 private:
  static std::size_t check(std::size_t result) {
    if (ZSTD_isError(result) != 0) throw Error(std::string("cannot compress: ") + ZSTD_getErrorName(result));
    return result;
  }

  void compress(std::string_view bytes, ZSTD_EndDirective directive) {
    ZSTD_inBuffer input{bytes.data(), bytes.size(), 0};
    std::size_t left = 0;
    do {
      ZSTD_outBuffer output{output_.data(), output_.size(), 0};
      left = check(ZSTD_compressStream2(context_.get(), &output, &input, directive));
      if (output.pos > 0) sink_({output_.data(), output.pos});
    } while (directive == ZSTD_e_end ? left != 0 : input.pos < input.size);
  }

  struct Free {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  };
  Sink sink_;
  std::vector<char> output_;
  std::unique_ptr<ZSTD_CCtx, Free> context_;
};

}  // namespace

Compression parse_compression(const std::string& name) {
  if (name.empty() || name == "uncompressed") return Compression::none;
  if (name == "gzip") return Compression::gzip;
  if (name == "zstd") return Compression::zstd;
  throw Error("unknown compression \"" + base::escape_control(name) + "\"" +
              base::did_you_mean(name, {"uncompressed", "gzip", "zstd"}))
      .with_hint("compression is uncompressed, gzip or zstd");
}

std::unique_ptr<Compressor> Compressor::make(Compression compression, Sink sink) {
  switch (compression) {
    case Compression::gzip:
      return std::make_unique<Gzip>(std::move(sink));
    case Compression::zstd:
      return std::make_unique<Zstd>(std::move(sink));
    case Compression::none:
      break;
  }
  return std::make_unique<Plain>(std::move(sink));
}

}  // namespace conductor::image
