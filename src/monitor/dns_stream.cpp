#include "monitor/dns_stream.hpp"

#include <sys/socket.h>

#include <cerrno>

namespace conductor::monitor {
namespace {
constexpr std::size_t length_size = 2;
constexpr std::size_t piece = 4096;
}  // namespace

void DnsStream::put(const std::string& message) {
  out_ += static_cast<char>((message.size() >> 8U) & 0xffU);
  out_ += static_cast<char>(message.size() & 0xffU);
  out_ += message;
}

bool DnsStream::move(int socket) {
  const bool writable = write(socket), readable = read(socket);
  const auto length = announced();
  return writable && readable && (!length || *length <= limit_);
}

bool DnsStream::write(int socket) {
  while (!out_.empty()) {
    const ssize_t size = send(socket, out_.data(), out_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (size < 0) return errno == EAGAIN || errno == EINTR;
    out_.erase(0, static_cast<std::size_t>(size));
  }
  return true;
}

bool DnsStream::read(int socket) {
  for (;;) {
    char buffer[piece];
    const ssize_t size = recv(socket, buffer, sizeof buffer, MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return size < 0 && errno == EAGAIN;
    in_.append(buffer, static_cast<std::size_t>(size));
    if (in_.size() > 2 * (limit_ + length_size)) return false;
  }
}

std::optional<std::size_t> DnsStream::announced() const {
  if (in_.size() < length_size) return std::nullopt;
  return static_cast<std::size_t>(static_cast<unsigned char>(in_[0])) << 8U | static_cast<unsigned char>(in_[1]);
}

std::optional<std::string> DnsStream::take() {
  const auto length = announced();
  if (!length || *length > limit_ || in_.size() < length_size + *length) return std::nullopt;
  std::string message = in_.substr(length_size, *length);
  in_.erase(0, length_size + *length);
  return message;
}

}  // namespace conductor::monitor
