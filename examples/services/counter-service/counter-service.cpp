// counter-service PORT THREADS: one integer in memory, served over HTTP/1.1 by a fixed number of threads.
//   GET /get_and_increment_counter   the value, then one more
//   GET /get_counter                 the value
//   GET /reset_counter               back to 1
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

constexpr long first_value = 1;
constexpr std::size_t request_limit = 8192;
std::atomic<long> counter{first_value};

std::optional<int> parse_number(std::string_view text, int largest) {
  int value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc{} || end != text.data() + text.size() || value < 1 || value > largest) return std::nullopt;
  return value;
}

// The answer's body, or nothing for a path we do not have.
std::optional<long> answer(std::string_view path) {
  while (path.substr(0, 2) == "//") path.remove_prefix(1);
  path = path.substr(0, path.find('?'));
  if (path == "/get_and_increment_counter") return counter.fetch_add(1);
  if (path == "/get_counter") return counter.load();
  if (path == "/reset_counter") {
    counter.store(first_value);
    return first_value;
  }
  return std::nullopt;
}

std::string respond(std::string_view request) {
  const auto first_blank = request.find(' ');
  const auto second_blank = request.find(' ', first_blank + 1);
  const bool get = request.substr(0, first_blank) == "GET" && second_blank != std::string_view::npos;
  const auto value = get ? answer(request.substr(first_blank + 1, second_blank - first_blank - 1)) : std::nullopt;
  const std::string body = value ? std::to_string(*value) : "not found\n";
  return std::string("HTTP/1.1 ") + (value ? "200 OK" : "404 Not Found") +
         "\r\nContent-Type: text/plain\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\nConnection: close\r\n\r\n" + body;
}

void serve(int connection) {
  const timeval patience{5, 0};
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  std::string request;
  char part[2048];
  while (request.find("\r\n\r\n") == std::string::npos && request.size() < request_limit) {
    const ssize_t size = recv(connection, part, sizeof part, 0);
    if (size <= 0) break;
    request.append(part, static_cast<std::size_t>(size));
  }
  if (!request.empty()) {
    const std::string response = respond(request);
    for (std::size_t sent = 0; sent < response.size();) {
      const ssize_t size = send(connection, response.data() + sent, response.size() - sent, MSG_NOSIGNAL);
      if (size <= 0) break;
      sent += static_cast<std::size_t>(size);
    }
  }
  close(connection);
}

int listen_on(int port) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_ANY);
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || listen(listener, SOMAXCONN) != 0) {
    std::perror("counter-service: cannot listen");
    return -1;
  }
  return listener;
}

}  // namespace

int main(int argc, char** argv) {
  const auto port = argc == 3 ? parse_number(argv[1], 65535) : std::nullopt;
  const auto threads = argc == 3 ? parse_number(argv[2], 256) : std::nullopt;
  if (!port || !threads) {
    std::fprintf(stderr, "usage: counter-service PORT THREADS\n");
    return 1;
  }
  // As the first process of a container it must ask for the signals that end it.
  std::signal(SIGTERM, [](int) { _exit(0); });
  std::signal(SIGINT, [](int) { _exit(0); });
  const int listener = listen_on(*port);
  if (listener < 0) return 1;
  std::printf("counter-service listens on port %d with %d threads\n", *port, *threads);
  std::fflush(stdout);
  std::vector<std::thread> workers;
  for (int i = 0; i < *threads; ++i) {
    workers.emplace_back([listener] {
      for (;;) {
        const int connection = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        if (connection >= 0) serve(connection);
      }
    });
  }
  for (auto& worker : workers) worker.join();
}
