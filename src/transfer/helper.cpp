#include "transfer/helper.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/wire.hpp"
#include "linux/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <string_view>

namespace conductor::transfer {
namespace {

using base::Error;
using linux::Fd;

constexpr std::size_t longest_request = 32U << 10U;
constexpr int patience = 10'000;  // milliseconds, for an orderly end

std::string directory_of_program() {
  char path[PATH_MAX];
  const ssize_t size = readlink("/proc/self/exe", path, sizeof path);
  const std::string program(path, size > 0 ? static_cast<std::size_t>(size) : 0);
  return program.substr(0, program.find_last_of('/'));
}

// Proxies and the place of the certificates, and nothing else of the caller's environment. HTTP_PROXY in capitals is
// for this program as good as the small one: no web server sets it from a header here.
std::vector<std::string> environment() {
  std::vector<std::string> list{"LC_ALL=C", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};
  for (const std::string name : {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}) {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) value = std::getenv(base::upper(name).c_str());
    if (value != nullptr && *value != '\0') list.push_back(name + "=" + value);
  }
  if (const char* file = std::getenv("SSL_CERT_FILE"); file != nullptr)
    list.push_back(std::string("SSL_CERT_FILE=") + file);
  return list;
}

// Ends with the object: a checkout is told by the end of its socket, so that it ends what it has started first.
class Helper {
 public:
  explicit Helper(const Order& order) : orderly_(std::string_view(order.mode) == mode_checkout) {
    const Fd null = linux::open_file("/dev/null", O_RDWR);
    auto [ours, theirs] = linux::make_socket_pair();
    const auto or_null = [&](int fd) { return fd >= 0 ? fd : null.get(); };
    linux::SpawnOptions options;
    options.program = transfer_program();
    options.arguments = {"conductor-transfer", order.mode};
    options.environment = environment();
    options.descriptors = {null.get(),   null.get(),          null.get(),
                           theirs.get(), or_null(order.file), or_null(order.directory)};
    options.new_session = true;  // a Ctrl-C of the terminal is for us to act on
    child_ = linux::spawn(options);
    control_ = std::move(ours);
  }
  ~Helper() {
    if (ended_) return;
    if (orderly_) {
      shutdown(control_.get(), SHUT_RDWR);
      linux::wait_ended(child_.pidfd, patience);
    }
    linux::send_signal(child_.pidfd, SIGKILL);
    linux::wait_for(child_.pidfd);
  }
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;

  const Fd& control() const { return control_; }
  // It ends right after its last report or the end of its socket; one that does not is not what it should be.
  linux::Ending wait() {
    if (!linux::wait_ended(child_.pidfd, patience)) linux::send_signal(child_.pidfd, SIGKILL);
    ended_ = true;
    return linux::wait_for(child_.pidfd);
  }

 private:
  linux::Child child_;
  Fd control_;
  bool orderly_;
  bool ended_ = false;
};

// The next report, or nothing when it has ended. Throws when we are told to stop.
std::optional<Report> next_report(const Helper& helper, const linux::Cancellation* cancellation) {
  std::array<pollfd, 2> waits{pollfd{helper.control().get(), POLLIN, 0},
                              pollfd{cancellation != nullptr ? cancellation->descriptor() : -1, POLLIN, 0}};
  while (poll(waits.data(), waits.size(), -1) < 0)
    if (errno != EINTR) throw Error::from_errno("cannot wait for conductor-transfer");
  if (cancellation != nullptr) cancellation->check();
  const auto message = linux::receive_message(helper.control().get());
  if (!message) return std::nullopt;
  return base::from_wire<Report>(message->bytes);
}

[[noreturn]] void ended_without_a_word(const linux::Ending& ending) {
  const std::string how = ending.signal != 0 ? "by signal " + linux::signal_name(ending.signal)
                                             : "with exit code " + std::to_string(ending.code);
  throw Error("conductor-transfer ended " + how);
}

}  // namespace

std::string transfer_program() {
  if (const char* chosen = std::getenv("CONDUCTOR_TRANSFER"); chosen != nullptr && *chosen != '\0') return chosen;
  const std::string directory = directory_of_program();
  for (const char* place : {"/conductor-transfer", "/../libexec/conductor/conductor-transfer"})
    if (access((directory + place).c_str(), X_OK) == 0) return directory + place;
  throw Error("conductor-transfer is neither beside " + directory + " nor in ../libexec/conductor")
      .with_hint("reinstall, or name it in CONDUCTOR_TRANSFER");
}

Report perform(const Order& order, const Progress& progress, const linux::Cancellation* cancellation) {
  if (geteuid() != 0) throw Error("only root can do that");
  if (cancellation != nullptr) cancellation->check();
  const std::string request = base::to_wire(order.request);
  if (request.size() > longest_request) throw Error("the address is too long");
  Helper helper(order);
  linux::send_message(helper.control().get(), request);
  while (const auto report = next_report(helper, cancellation)) {
    if (report->kind == ReportKind::progress) {
      if (progress) progress(report->current, report->total);
      continue;
    }
    helper.wait();
    if (report->kind == ReportKind::done) return *report;
    Error error(base::escape_control(report->sentence));
    if (!report->hint.empty()) error.with_hint(base::escape_control(report->hint));
    throw error;
  }
  ended_without_a_word(helper.wait());
}

std::string safe_name(const std::string& name) {
  constexpr std::size_t longest = 255;
  std::string safe = name.substr(name.find_last_of("/\\") + 1);  // npos + 1 is 0
  std::erase_if(safe, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
  if (safe.size() > longest) safe.resize(longest);
  return safe == "." || safe == ".." ? "" : safe;
}

}  // namespace conductor::transfer
