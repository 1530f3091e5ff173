#include "monitor/name_upstream.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "linux/events.hpp"
#include "monitor/dns_stream.hpp"
#include "monitor/socket_address.hpp"
#include "monitor/tolerant.hpp"

#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

namespace conductor::monitor {
namespace {

using Clock = std::chrono::steady_clock;
using linux::Fd;

constexpr int name_port = 53;
constexpr std::chrono::seconds patience(2);
constexpr std::size_t least_attempts = 2, most_servers = 3;  // as resolv.conf(5) has it
constexpr std::size_t largest_datagram = 4096;
constexpr std::size_t largest_resolver_file = 64U << 10U;
constexpr int most_strangers = 64;  // messages on one socket that answer something else

std::uint16_t random_id() {
  std::uint16_t id = 0;
  if (getrandom(&id, sizeof id, 0) != sizeof id) throw base::Error::from_errno("no random number");
  return id;
}

std::vector<std::string> servers_of_host() {
  try {
    return name_servers_of(linux::try_read_file("/etc/resolv.conf", largest_resolver_file).value_or(""));
  } catch (const base::Error&) {
    return {};
  }
}

bool worth_another_try(DnsCode code) { return code == DnsCode::server_failure || code == DnsCode::refused; }

}  // namespace

struct NameUpstream::Exchange {
  DnsQuestion question;  // with our id
  Done done;
  std::vector<std::string> servers;
  std::size_t attempt = 0;
  Fd socket;
  std::optional<DnsStream> stream;
  Clock::time_point deadline;
  int strangers = 0;
  std::optional<Answer> refusal;  // the best so far
};

std::vector<std::string> name_servers_of(std::string_view resolver_file) {
  constexpr std::string_view keyword = "nameserver";
  std::vector<std::string> servers;
  for (const auto& line : base::split(resolver_file, '\n')) {
    std::string_view rest = base::trim(line);
    if (!rest.starts_with(keyword)) continue;
    rest.remove_prefix(keyword.size());
    if (rest.empty() || (rest.front() != ' ' && rest.front() != '\t')) continue;
    rest = base::trim(rest);
    const std::string server(rest.substr(0, rest.find_first_of(" \t#;")));
    if (linux::parse_ip(server) && servers.size() < most_servers) servers.push_back(server);
  }
  return servers;
}

NameUpstream::NameUpstream(Loop& loop, std::vector<std::string> servers)
    : loop_(loop), servers_(std::move(servers)), timer_(linux::make_timer()) {
  loop_.add(timer_.get(), EPOLLIN, tolerant([this] { on_timer(); }));
}

NameUpstream::~NameUpstream() {
  for (const auto& [number, exchange] : questions_) close(*exchange);
  loop_.remove(timer_.get());
}

void NameUpstream::ask(const DnsQuestion& question, Done done) {
  if (busy()) return done(std::nullopt);
  auto exchange = std::make_unique<Exchange>();
  exchange->question = question;
  exchange->done = std::move(done);
  exchange->servers = servers_;
  if (servers_.empty()) exchange->servers = servers_of_host();
  const std::uint64_t number = ++last_;
  questions_[number] = std::move(exchange);
  try_next(number);
}

// The next server, and the first again where there is only one.
void NameUpstream::try_next(std::uint64_t number) {
  Exchange& exchange = *questions_.at(number);
  const std::size_t attempts = exchange.servers.empty() ? 0 : std::max(exchange.servers.size(), least_attempts);
  while (exchange.attempt < attempts) {
    ++exchange.attempt;
    try {
      return open(exchange, number, false);
    } catch (const base::Error&) {
      // No way to that one.
    }
  }
  finish(number, std::exchange(exchange.refusal, std::nullopt));
}

void NameUpstream::open(Exchange& exchange, std::uint64_t number, bool stream) {
  close(exchange);
  const auto address = socket_address(exchange.servers[(exchange.attempt - 1) % exchange.servers.size()], name_port);
  const int type = (stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
  exchange.socket = Fd(socket(address.family(), type, 0));
  const int fd = exchange.socket.get();
  if (fd < 0 || (connect(fd, address.get(), address.size) != 0 && errno != EINPROGRESS))
    throw base::Error::from_errno("cannot reach the name server");
  exchange.question.id = random_id();
  exchange.strangers = 0;
  const std::string message = question_message(exchange.question, exchange.question.id);
  if (stream) {
    exchange.stream.emplace();
    exchange.stream->put(message);
    loop_.add(fd, EPOLLIN | EPOLLOUT | EPOLLET, tolerant([this, number] { on_stream(number); }));
  } else {
    if (send(fd, message.data(), message.size(), MSG_NOSIGNAL) < 0)
      throw base::Error::from_errno("cannot ask the name server");
    loop_.add(fd, EPOLLIN, tolerant([this, number] { on_datagram(number); }));
  }
  exchange.deadline = Clock::now() + patience;
  arm();
}

void NameUpstream::close(Exchange& exchange) {
  if (exchange.socket) loop_.remove(exchange.socket.get());
  exchange.socket.reset();
  exchange.stream.reset();
}

void NameUpstream::on_datagram(std::uint64_t number) {
  std::string message(largest_datagram, '\0');
  const auto size = recv(questions_.at(number)->socket.get(), message.data(), message.size(), MSG_DONTWAIT);
  if (size < 0) return errno == EAGAIN || errno == EINTR ? void() : try_next(number);  // refused, or no way
  message.resize(static_cast<std::size_t>(size));
  on_answer(number, std::move(message));
}

void NameUpstream::on_stream(std::uint64_t number) {
  Exchange& exchange = *questions_.at(number);
  const bool open = exchange.stream->move(exchange.socket.get());
  if (auto message = exchange.stream->take()) return on_answer(number, std::move(*message));
  if (!open) try_next(number);
}

void NameUpstream::on_answer(std::uint64_t number, std::string message) {
  Exchange& exchange = *questions_.at(number);
  auto content = parse_answer(message, exchange.question);
  if (!content) {
    if (++exchange.strangers > most_strangers || exchange.stream) try_next(number);
    return;
  }
  if (content->truncated && !exchange.stream) {
    try {
      return open(exchange, number, true);
    } catch (const base::Error&) {
      return try_next(number);
    }
  }
  Answer answer{std::move(message), std::move(*content)};
  if (!worth_another_try(answer.content.code)) return finish(number, std::move(answer));
  exchange.refusal = std::move(answer);
  try_next(number);
}

// Whoever is told may ask the next question at once.
void NameUpstream::finish(std::uint64_t number, std::optional<Answer> answer) {
  const auto found = questions_.find(number);
  const auto exchange = std::move(found->second);
  questions_.erase(found);
  close(*exchange);
  exchange->done(std::move(answer));
}

void NameUpstream::on_timer() {
  linux::clear_timer(timer_);
  const auto now = Clock::now();
  std::vector<std::uint64_t> late;
  for (const auto& [number, exchange] : questions_)
    if (exchange->deadline <= now) late.push_back(number);
  for (const auto number : late)
    if (questions_.contains(number)) try_next(number);
  arm();
}

void NameUpstream::arm() {
  if (questions_.empty()) return linux::arm_timer(timer_, std::chrono::nanoseconds(0));
  auto next = Clock::time_point::max();
  for (const auto& [number, exchange] : questions_) next = std::min(next, exchange->deadline);
  linux::arm_timer(timer_, std::max<std::chrono::nanoseconds>(next - Clock::now(), std::chrono::milliseconds(1)));
}

}  // namespace conductor::monitor
