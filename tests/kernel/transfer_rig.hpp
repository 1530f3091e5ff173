// What transfers are tried against: a web server on loopback that does as a test says, and archives byte by byte.
#pragma once

#include "linux/cancellation.hpp"
#include "linux/fd.hpp"
#include "support/temp.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

// The program of this build, and no proxy.
void use_built_program();

class WebServer {
 public:
  // Answers one request at a time; what `answer` returns is sent as it is, and the connection closed.
  using Answer = std::function<std::string(const std::string& path, const std::string& request)>;
  explicit WebServer(Answer answer);
  ~WebServer();
  WebServer(const WebServer&) = delete;
  WebServer& operator=(const WebServer&) = delete;
  std::string url(const std::string& path, const std::string& host = "127.0.0.1") const;
  std::vector<std::string> requests() const;  // whole heads, in order
  // For an answer that shall never come: waits until the other end has gone, or the server ends.
  static constexpr const char* silence = "silence";
  conductor::linux::Cancellation asked;  // requested by the first request

 private:
  void serve();
  void handle(conductor::linux::Fd connection);

  Answer answer_;
  conductor::linux::Fd listener_;
  int port_ = 0;
  conductor::linux::Cancellation stop_;
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

std::string response(const std::string& status, const std::string& headers, const std::string& body);

// An archive in ustar form (tar(5)), with extended headers where a test asks for them.
struct TarEntry {
  std::string name;
  char type = '0';
  std::string content{};
  std::string link{};
  unsigned mode = 0644;
  unsigned uid = 0, gid = 0;
  std::int64_t modified = 1'000'000'000;
  unsigned major = 0, minor = 0;
  std::vector<std::pair<std::string, std::string>> extended{};  // PAX records before it
};
std::string tar(const std::vector<TarEntry>& entries);

// A directory to unpack into, with a neighbour that must stay as it is.
class UnpackRig {
 public:
  UnpackRig();
  // "", or the message of the failure.
  std::string unpack(const std::string& archive, std::int64_t bytes = 1 << 30, std::int64_t entries = 1000);
  std::string unpack_file(int archive, std::int64_t bytes = 1 << 30, std::int64_t entries = 1000);
  std::string target() const { return home_ / "target"; }
  std::string outside() const { return home_ / "outside"; }
  bool outside_is_untouched() const;
  const test::TemporaryDirectory& home() const { return home_; }
  // "0644 0:0 file 5", "0777 0:0 link x", "(absent)"
  std::string facts(const std::string& name) const;
  std::string text(const std::string& name) const;

 private:
  test::TemporaryDirectory home_;
};
