#include "base/sha256.hpp"

// The one-algorithm interface: a few kilobytes of the static archive, where EVP would pull in all providers.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include <new>

namespace conductor::base {
namespace {
SHA256_CTX* context(void* state) { return static_cast<SHA256_CTX*>(state); }
}  // namespace

Sha256::Sha256() : state_{} {
  static_assert(sizeof(SHA256_CTX) <= sizeof state_);
  SHA256_Init(context(&state_));
}

Sha256& Sha256::update(std::string_view bytes) {
  SHA256_Update(context(&state_), bytes.data(), bytes.size());
  return *this;
}

Sha256& Sha256::field(std::string_view bytes) {
  const std::uint64_t size = bytes.size();
  update({reinterpret_cast<const char*>(&size), sizeof size});
  return update(bytes);
}

std::string Sha256::hex() {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256_Final(digest.data(), context(&state_));
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const unsigned byte : digest) {
    text += digits[byte >> 4U];
    text += digits[byte & 15U];
  }
  return text;
}

std::string sha256_hex(std::string_view bytes) { return Sha256().update(bytes).hex(); }

}  // namespace conductor::base
