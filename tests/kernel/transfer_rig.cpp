#include "transfer_rig.hpp"

#include "base/error.hpp"
#include "support/catch.hpp"
#include "transfer/transfer.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstdio>
#include <cstdlib>

using namespace conductor;

void use_built_program() {
  setenv("CONDUCTOR_TRANSFER", CONDUCTOR_TRANSFER, 1);
  for (const char* name : {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"}) unsetenv(name);
}

// --- the web server ---------------------------------------------------------------------------------------------

WebServer::WebServer(Answer answer)
    : answer_(std::move(answer)), listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* generic = static_cast<sockaddr*>(static_cast<void*>(&address));
  socklen_t size = sizeof address;
  REQUIRE(bind(listener_.get(), generic, size) == 0);
  REQUIRE(listen(listener_.get(), 16) == 0);
  REQUIRE(getsockname(listener_.get(), generic, &size) == 0);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { serve(); });
}

WebServer::~WebServer() {
  stop_.request();
  thread_.join();
}

std::string WebServer::url(const std::string& path, const std::string& host) const {
  return "http://" + host + ":" + std::to_string(port_) + path;
}

std::vector<std::string> WebServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void WebServer::serve() {
  for (;;) {
    std::array<pollfd, 2> waits{pollfd{listener_.get(), POLLIN, 0}, pollfd{stop_.descriptor(), POLLIN, 0}};
    if (poll(waits.data(), waits.size(), -1) < 0 || stop_.requested()) return;
    linux::Fd connection(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (connection) handle(std::move(connection));
  }
}

void WebServer::handle(linux::Fd connection) {
  std::string request;
  std::array<char, 4096> buffer{};
  while (request.find("\r\n\r\n") == std::string::npos) {
    const ssize_t n = recv(connection.get(), buffer.data(), buffer.size(), 0);
    if (n <= 0) return;
    request.append(buffer.data(), static_cast<std::size_t>(n));
  }
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
  }
  const auto blank = request.find(' ') + 1;
  const std::string answer = answer_(request.substr(blank, request.find(' ', blank) - blank), request);
  asked.request();
  if (answer == silence) {
    std::array<pollfd, 2> waits{pollfd{connection.get(), POLLRDHUP, 0}, pollfd{stop_.descriptor(), POLLIN, 0}};
    poll(waits.data(), waits.size(), -1);
    return;
  }
  for (std::size_t sent = 0; sent < answer.size();) {
    const ssize_t n = send(connection.get(), answer.data() + sent, answer.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return;
    sent += static_cast<std::size_t>(n);
  }
}

std::string response(const std::string& status, const std::string& headers, const std::string& body) {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n" +
         headers + "\r\n" + body;
}

// --- archives ---------------------------------------------------------------------------------------------------

namespace {

constexpr std::size_t block = 512;

std::string padded(std::string bytes) {
  bytes.resize((bytes.size() + block - 1) / block * block, '\0');
  return bytes;
}

void put(std::string& header, std::size_t at, std::size_t size, std::uint64_t value) {
  std::array<char, 24> digits{};
  std::snprintf(digits.data(), digits.size(), "%0*llo", static_cast<int>(size - 1),
                static_cast<unsigned long long>(value));
  header.replace(at, size - 1, std::string(digits.data()).substr(0, size - 1));
}

std::string member(const TarEntry& entry) {
  std::string header(block, '\0');
  header.replace(0, std::min<std::size_t>(entry.name.size(), 100), entry.name.substr(0, 100));
  put(header, 100, 8, entry.mode);
  put(header, 108, 8, entry.uid);
  put(header, 116, 8, entry.gid);
  put(header, 124, 12, entry.content.size());
  put(header, 136, 12, static_cast<std::uint64_t>(entry.modified));
  header.replace(148, 8, "        ");
  header[156] = entry.type;
  header.replace(157, std::min<std::size_t>(entry.link.size(), 100), entry.link.substr(0, 100));
  header.replace(257, 8, std::string("ustar\00000", 8));
  put(header, 329, 8, entry.major);
  put(header, 337, 8, entry.minor);
  unsigned sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  put(header, 148, 7, sum);
  return header + padded(entry.content);
}

// "LENGTH name=value\n", where the length counts itself.
std::string record(const std::string& name, const std::string& value) {
  const std::string rest = " " + name + "=" + value + "\n";
  std::size_t size = rest.size() + 1;
  while (std::to_string(size).size() + rest.size() != size) ++size;
  return std::to_string(size) + rest;
}

}  // namespace

std::string tar(const std::vector<TarEntry>& entries) {
  std::string bytes;
  for (const auto& entry : entries) {
    std::string records;
    for (const auto& [name, value] : entry.extended) records += record(name, value);
    if (!records.empty()) bytes += member({.name = "extended", .type = 'x', .content = records});
    bytes += member(entry);
  }
  return bytes + std::string(2 * block, '\0');
}

// --- unpacking --------------------------------------------------------------------------------------------------

UnpackRig::UnpackRig() {
  use_built_program();
  const auto root = linux::RootFd::open(home_.path());
  root.make_directories("target");
  root.write_file("outside/secret", "secret", 0600);
}

std::string UnpackRig::unpack(const std::string& archive, std::int64_t bytes, std::int64_t entries) {
  const linux::Fd file = linux::make_memory_file("archive", archive);
  return unpack_file(file.get(), bytes, entries);
}

std::string UnpackRig::unpack_file(int archive, std::int64_t bytes, std::int64_t entries) {
  const linux::Fd directory = linux::open_file(target(), O_RDONLY | O_DIRECTORY);
  try {
    transfer::unpack(archive, directory.get(), {bytes, entries});
    return {};
  } catch (const base::Error& e) {
    return e.what();
  }
}

bool UnpackRig::outside_is_untouched() const {
  const auto root = linux::RootFd::open(outside());
  const auto found = root.status("secret");
  return root.list(".") == std::vector<std::string>{"secret"} && found && found->st_nlink == 1 &&
         found->st_mode == (S_IFREG | 0600U) && root.read_file("secret", 100) == "secret" &&
         linux::RootFd::open(home_.path()).list(".") == std::vector<std::string>{"outside", "target"};
}

std::string UnpackRig::facts(const std::string& name) const {
  const auto root = linux::RootFd::open(target());
  const auto found = root.status(name);
  if (!found) return "(absent)";
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04o %u:%u ", found->st_mode & 07777U, found->st_uid, found->st_gid);
  const std::string start = text.data();
  const std::string device = std::to_string(major(found->st_rdev)) + ":" + std::to_string(minor(found->st_rdev));
  switch (found->st_mode & S_IFMT) {
    case S_IFREG:
      return start + "file " + std::to_string(found->st_size);
    case S_IFDIR:
      return start + "directory";
    case S_IFLNK:
      return start + "link " + root.read_link(name).value_or("?");
    case S_IFIFO:
      return start + "fifo";
    case S_IFCHR:
      return start + "char " + device;
    case S_IFBLK:
      return start + "block " + device;
    default:
      return start + "?";
  }
}

std::string UnpackRig::text(const std::string& name) const {
  return linux::RootFd::open(target()).read_file(name, 1 << 20).value_or("(absent)");
}
