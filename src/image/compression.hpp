// Compressed layers: gzip (RFC 1952) and zstd (RFC 8878). The same bytes for the same input and version of the library.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace conductor::image {

enum class Compression { none, gzip, zstd };

// "uncompressed" (or empty), "gzip" or "zstd"; throws Error for others.
Compression parse_compression(const std::string& name);

class Compressor {
 public:
  using Sink = std::function<void(std::string_view bytes)>;
  // With Compression::none bytes are handed on as they come.
  static std::unique_ptr<Compressor> make(Compression compression, Sink sink);
  virtual ~Compressor() = default;
  virtual void take(std::string_view bytes) = 0;
  virtual void finish() = 0;  // once, at the end
};

}  // namespace conductor::image
