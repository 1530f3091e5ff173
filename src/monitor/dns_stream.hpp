// Messages on a TCP connection, each behind its length (RFC 1035, 4.2.2).
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace conductor::monitor {

class DnsStream {
 public:
  // What comes in is at most that long; a longer message ends the connection.
  explicit DnsStream(std::size_t limit = 65535) : limit_(limit) {}

  void put(const std::string& message);
  // Reads and writes what can be now, on a non-blocking socket; false when nothing more will come.
  bool move(int socket);
  // The next whole message.
  std::optional<std::string> take();

 private:
  bool write(int socket);
  bool read(int socket);
  std::optional<std::size_t> announced() const;

  std::size_t limit_;
  std::string in_, out_;
};

}  // namespace conductor::monitor
