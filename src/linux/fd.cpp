#include "linux/fd.hpp"

#include "base/error.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

namespace conductor::linux {
namespace {

using base::Error;

constexpr std::size_t max_message = 64U << 10U;
constexpr std::size_t max_descriptors = 16;

// open(2) of a FIFO or a slow device may be interrupted.
int open_retry(int directory, const char* path, int flags, mode_t mode) {
  int fd = -1;
  do fd = openat(directory, path, flags | O_CLOEXEC, mode);
  while (fd < 0 && errno == EINTR);
  return fd;
}

Error too_long(std::size_t limit) { return Error("more than " + std::to_string(limit) + " bytes"); }

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    reset();
    number_ = std::exchange(other.number_, -1);
  }
  return *this;
}

Fd::~Fd() { reset(); }

void Fd::reset() {
  if (number_ < 0) return;
  const int saved = errno;  // an Error made after this owner is gone still tells of the call that failed
  close(number_);
  number_ = -1;
  errno = saved;
}

Fd Fd::duplicate() const {
  Fd copy(fcntl(number_, F_DUPFD_CLOEXEC, 0));
  if (!copy) throw Error::from_errno("cannot duplicate a descriptor");
  return copy;
}

Fd open_file(const std::string& path, int flags, mode_t mode) { return open_at(AT_FDCWD, path, flags, mode); }

Fd open_at(int directory, const std::string& name, int flags, mode_t mode) {
  Fd fd(open_retry(directory, name.c_str(), flags, mode));
  if (!fd) throw Error::from_errno("cannot open " + name);
  return fd;
}

std::optional<Fd> try_open(const std::string& path, int flags, mode_t mode) {
  Fd fd(open_retry(AT_FDCWD, path.c_str(), flags, mode));
  if (fd) return fd;
  if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
  throw Error::from_errno("cannot open " + path);
}

std::string read_all(int fd, std::size_t limit) {
  constexpr std::size_t first_step = 4096;
  constexpr std::size_t largest_step = 256U << 10U;
  std::string text;
  std::size_t used = 0;
  for (;;) {
    if (used == text.size()) text.resize(used + std::min(std::max(used, first_step), largest_step));
    const ssize_t n = read(fd, text.data() + used, text.size() - used);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw Error::from_errno("cannot read");
    if (n == 0) break;
    used += static_cast<std::size_t>(n);
    if (used > limit) throw too_long(limit);
  }
  text.resize(used);
  return text;
}

std::string read_file(const std::string& path, std::size_t limit) {
  const Fd fd = open_file(path, O_RDONLY);
  const base::Context context(path);
  return read_all(fd.get(), limit);
}

std::optional<std::string> try_read_file(const std::string& path, std::size_t limit) {
  const auto fd = try_open(path, O_RDONLY);
  if (!fd) return std::nullopt;
  const base::Context context(path);
  try {
    return read_all(fd->get(), limit);
  } catch (const Error& e) {
    // So the kernel answers for a process or a control group that has gone since.
    if (e.code() == ESRCH || e.code() == ENODEV) return std::nullopt;
    throw;
  }
}

void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw Error::from_errno("cannot write");
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

void write_kernel_file(const std::string& path, std::string_view value) {
  const Fd fd = open_file(path, O_WRONLY);
  ssize_t n = 0;
  do n = write(fd.get(), value.data(), value.size());
  while (n < 0 && errno == EINTR);
  if (n < 0) throw Error::from_errno("cannot write \"" + std::string(value) + "\" to " + path);
  if (static_cast<std::size_t>(n) != value.size()) throw Error("short write to " + path);
}

bool wait_readable(int fd, int milliseconds) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + std::chrono::milliseconds(milliseconds);
  pollfd entry{fd, POLLIN, 0};
  for (int left = milliseconds;;) {
    const int ready = poll(&entry, 1, left);
    if (ready >= 0) return ready > 0;
    if (errno != EINTR) throw Error::from_errno("cannot wait for a descriptor");
    if (milliseconds < 0) continue;
    const auto rest = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    left = rest > 0 ? static_cast<int>(rest) : 0;
  }
}

Pipe make_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw Error::from_errno("cannot make a pipe");
  return {Fd(ends[0]), Fd(ends[1])};
}

std::pair<Fd, Fd> make_socket_pair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    throw Error::from_errno("cannot make a pair of sockets");
  return {Fd(ends[0]), Fd(ends[1])};
}

Fd make_memory_file(const char* name, std::string_view content) {
  Fd fd(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) throw Error::from_errno("cannot make a file in memory");
  write_all(fd.get(), content);
  if (lseek(fd.get(), 0, SEEK_SET) != 0) throw Error::from_errno("cannot rewind a file in memory");
  if (fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0)
    throw Error::from_errno("cannot seal a file in memory");
  return fd;
}

// --- messages --------------------------------------------------------------------------------

void send_message(int socket, std::string_view bytes, const std::vector<int>& descriptors) {
  // An empty message could not be told from end of file by the receiver.
  if (bytes.empty() || bytes.size() > max_message) throw Error("message of " + std::to_string(bytes.size()) + " bytes");
  if (descriptors.size() > max_descriptors) throw Error("message with too many descriptors");
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(max_descriptors * sizeof(int))] = {};
  if (!descriptors.empty()) {
    const std::size_t size = descriptors.size() * sizeof(int);
    header.msg_control = control;
    header.msg_controllen = CMSG_SPACE(size);
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(size);
    std::memcpy(CMSG_DATA(rights), descriptors.data(), size);
  }
  ssize_t n = 0;
  do n = sendmsg(socket, &header, MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  if (n < 0) throw Error::from_errno("cannot send a message");
}

namespace {

// Owns the descriptors that came with a message, before anything can throw.
std::vector<Fd> take_descriptors(msghdr& header) {
  std::vector<Fd> owned;
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(c) + i * sizeof(int), sizeof number);
      owned.emplace_back(number);
    }
  }
  return owned;
}

// The size of the message that waits, so that a process with a small memory budget does not touch 64 KiB for each.
// Nothing at end of file.
std::optional<std::size_t> next_size(int socket) {
  ssize_t n = 0;
  do n = recv(socket, nullptr, 0, MSG_PEEK | MSG_TRUNC);
  while (n < 0 && errno == EINTR);
  if (n == 0 || (n < 0 && errno == ECONNRESET)) return std::nullopt;  // reset: closed with messages unread
  if (n < 0) throw Error::from_errno("cannot receive a message");
  if (static_cast<std::size_t>(n) > max_message) throw too_long(max_message);
  return static_cast<std::size_t>(n);
}

}  // namespace

std::optional<Message> receive_message(int socket) {
  const auto size = next_size(socket);
  if (!size) return std::nullopt;
  Message message;
  message.bytes.resize(*size);
  iovec part{message.bytes.data(), message.bytes.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(max_descriptors * sizeof(int))] = {};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  ssize_t n = 0;
  do n = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  while (n < 0 && errno == EINTR);
  if (n < 0) throw Error::from_errno("cannot receive a message");
  message.descriptors = take_descriptors(header);
  if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) throw Error("a message was cut short");
  message.bytes.resize(static_cast<std::size_t>(n));
  return message;
}

// --- named sockets --------------------------------------------------------------------------------

namespace {

// The address of a socket; a path over sun_path's 107 bytes is reached through a descriptor of its directory.
struct UnixAddress {
  sockaddr_un address{};
  Fd directory;
};

// Throws when the directory of a long path does not exist.
UnixAddress unix_address(const std::string& path) {
  UnixAddress result;
  std::string name = path;
  if (name.size() >= sizeof result.address.sun_path) {
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) throw Error("socket name too long: " + path);
    result.directory = open_file(path.substr(0, slash), O_PATH | O_DIRECTORY);
    name = "/proc/self/fd/" + std::to_string(result.directory.get()) + path.substr(slash);
    if (name.size() >= sizeof result.address.sun_path) throw Error("socket name too long: " + path);
  }
  result.address.sun_family = AF_UNIX;
  std::memcpy(result.address.sun_path, name.data(), name.size());
  return result;
}

Fd unix_socket() {
  Fd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!fd) throw Error::from_errno("cannot make a socket");
  return fd;
}

}  // namespace

Fd listen_unix(const std::string& path) {
  const UnixAddress place = unix_address(path);
  Fd fd = unix_socket();
  // The mode of the socket becomes that of the name bound to it: nobody else ever sees it writable.
  if (fchmod(fd.get(), 0600) != 0) throw Error::from_errno("cannot protect a socket");
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&place.address), sizeof place.address) != 0 ||
      listen(fd.get(), SOMAXCONN) != 0)
    throw Error::from_errno("cannot listen on " + path);
  return fd;
}

std::optional<Fd> connect_unix(const std::string& path) {
  UnixAddress place;
  try {
    place = unix_address(path);
  } catch (const Error& e) {
    if (e.code() == ENOENT) return std::nullopt;
    throw;
  }
  Fd fd = unix_socket();
  int result = 0;
  do result = connect(fd.get(), reinterpret_cast<const sockaddr*>(&place.address), sizeof place.address);
  while (result != 0 && errno == EINTR);
  if (result == 0) return fd;
  if (errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR) return std::nullopt;
  throw Error::from_errno("cannot connect to " + path);
}

}  // namespace conductor::linux
