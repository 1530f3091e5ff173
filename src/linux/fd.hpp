// File descriptors and plain file access on paths that are ours. Below a container's root use RootFd instead.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace conductor::linux {

// Owns one descriptor; closes it. Every descriptor made here is close-on-exec.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int number) : number_(number) {}
  Fd(Fd&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd();
  int get() const { return number_; }
  explicit operator bool() const { return number_ >= 0; }
  void reset();
  int release() { return std::exchange(number_, -1); }
  Fd duplicate() const;  // fcntl(F_DUPFD_CLOEXEC)

 private:
  int number_ = -1;
};

// open(2) with O_CLOEXEC added; throws Error naming the path.
Fd open_file(const std::string& path, int flags, mode_t mode = 0);
Fd open_at(int directory, const std::string& name, int flags, mode_t mode = 0);
// As open_file, but nothing where the file does not exist.
std::optional<Fd> try_open(const std::string& path, int flags, mode_t mode = 0);

// Reads to the end; throws Error past `limit` bytes.
inline constexpr std::size_t default_limit = 64U << 20U;
std::string read_all(int fd, std::size_t limit = default_limit);
std::string read_file(const std::string& path, std::size_t limit = default_limit);
std::optional<std::string> try_read_file(const std::string& path, std::size_t limit = default_limit);

// Writes all bytes, through EINTR and short writes.
void write_all(int fd, std::string_view bytes);
// open(O_WRONLY) of an existing file and one write: for /proc, /sys and cgroup files.
void write_kernel_file(const std::string& path, std::string_view value);

// Waits until there is something to read or the other end is gone (poll(2), through EINTR); false when that took
// longer. Negative: for ever.
bool wait_readable(int fd, int milliseconds);

struct Pipe {
  Fd read;
  Fd write;
};
Pipe make_pipe();                                                 // pipe2(O_CLOEXEC)
std::pair<Fd, Fd> make_socket_pair();                             // AF_UNIX SOCK_SEQPACKET
Fd make_memory_file(const char* name, std::string_view content);  // memfd, at offset 0, sealed against change

// One message of bytes and descriptors on a SOCK_SEQPACKET socket (at most 64 KiB and 16 descriptors).
void send_message(int socket, std::string_view bytes, const std::vector<int>& descriptors = {});
struct Message {
  std::string bytes;
  std::vector<Fd> descriptors;
};
// Nothing at end of file.
std::optional<Message> receive_message(int socket);

// A listening SOCK_SEQPACKET socket of that name in a directory, and a connection to one. Long paths are fine.
Fd listen_unix(const std::string& path);
std::optional<Fd> connect_unix(const std::string& path);  // nothing when nobody listens

}  // namespace conductor::linux
