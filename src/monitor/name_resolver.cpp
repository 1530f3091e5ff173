#include "monitor/name_resolver.hpp"

#include "base/error.hpp"
#include "linux/events.hpp"
#include "linux/namespaces.hpp"
#include "monitor/socket_address.hpp"
#include "monitor/tolerant.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace conductor::monitor {
namespace {

using Clock = std::chrono::steady_clock;
using linux::Fd;

constexpr int name_port = 53;
constexpr std::size_t longest_question = 512;
constexpr std::size_t most_clients = 32;  // over TCP
constexpr std::chrono::seconds client_patience(15);
constexpr int at_once = 32;  // datagrams, before others get their turn
constexpr std::size_t refreshed_at_once = 16;
constexpr int backlog = 16;

NameBook::Seconds now_seconds() {
  return std::chrono::floor<std::chrono::seconds>(Clock::now().time_since_epoch()).count();
}

Fd bound_socket(int type) {
  const auto address = socket_address(resolver_address, name_port);
  Fd fd(socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  if (fd && type == SOCK_STREAM) setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (!fd || bind(fd.get(), address.get(), address.size) != 0 ||
      (type == SOCK_STREAM && ::listen(fd.get(), backlog) != 0))
    throw base::Error::from_errno(std::string("cannot serve names at ") + resolver_address);
  return fd;
}

}  // namespace

NameResolver::NameResolver(Loop& loop, const Resolver& settings)
    : loop_(loop),
      book_(settings.names),
      upstream_(loop, settings.servers),
      updates_(loop, book_, settings.update),
      timer_(linux::make_timer()) {
  for (const auto& name : book_.exact())
    for (const auto type : {DnsType::a, DnsType::aaaa}) refreshes_.push_back({name, type});
}

NameResolver::~NameResolver() {
  for (const auto& [number, client] : clients_) loop_.remove(client.socket.get());
  for (const Fd* fd : {&datagrams_, &listener_, &timer_})
    if (*fd) loop_.remove(fd->get());
}

void NameResolver::listen(const Fd& network_namespace) {
  linux::in_network_namespace(network_namespace, [this] {
    datagrams_ = bound_socket(SOCK_DGRAM);
    listener_ = bound_socket(SOCK_STREAM);
  });
  loop_.add(datagrams_.get(), EPOLLIN, tolerant([this] { on_datagram(); }));
  loop_.add(listener_.get(), EPOLLIN, tolerant([this] { accept_client(); }));
  loop_.add(timer_.get(), EPOLLIN, tolerant([this] { on_timer(); }));
  refresh_names();
}

// --- questions of the container
// -----------------------------------------------------------------------------------------

void NameResolver::on_datagram() {
  for (int i = 0; i < at_once && datagrams_; ++i) {
    char buffer[longest_question];
    SocketAddress from;
    from.size = sizeof from.storage;
    const auto size = recvfrom(datagrams_.get(), buffer, sizeof buffer, MSG_DONTWAIT | MSG_TRUNC,
                               reinterpret_cast<sockaddr*>(&from.storage), &from.size);
    if (size < 0) return;
    if (static_cast<std::size_t>(size) > sizeof buffer) continue;
    const auto question = parse_question({buffer, static_cast<std::size_t>(size)});
    if (!question) continue;
    answer(*question, [this, from, asked = *question](std::string message) {
      if (message.size() > asked.answer_limit) message = empty_answer(asked, DnsCode::success, true);
      sendto(datagrams_.get(), message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL, from.get(), from.size);
    });
  }
}

void NameResolver::accept_client() {
  Fd socket(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket || clients_.size() >= most_clients) return;
  const auto number = ++last_client_;
  loop_.add(socket.get(), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, tolerant([this, number] { on_client(number); }));
  clients_.emplace(number, Client{std::move(socket), DnsStream(longest_question), Clock::now() + client_patience});
  arm();
}

void NameResolver::on_client(std::uint64_t number) {
  Client& client = clients_.at(number);
  const bool open = client.stream.move(client.socket.get());
  while (const auto message = clients_.contains(number) ? client.stream.take() : std::nullopt) {
    const auto question = parse_question(*message);
    if (!question) return drop_client(number);
    client.deadline = Clock::now() + client_patience;
    answer(*question, [this, number](const std::string& reply) {
      const auto asker = clients_.find(number);
      if (asker == clients_.end()) return;
      asker->second.stream.put(reply);
      asker->second.stream.move(asker->second.socket.get());
    });
  }
  if (!open) drop_client(number);
}

void NameResolver::drop_client(std::uint64_t number) {
  const auto client = clients_.find(number);
  if (client == clients_.end()) return;
  loop_.remove(client->second.socket.get());
  clients_.erase(client);
}

// An address is given to the container when it is told, not before.
void NameResolver::answer(const DnsQuestion& question, const Reply& reply) {
  if (!book_.allows(question.name)) return reply(empty_answer(question, DnsCode::no_such_name));
  if (upstream_.busy() || updates_.busy()) return reply(empty_answer(question, DnsCode::server_failure));
  upstream_.ask(question, [this, question, reply](std::optional<NameUpstream::Answer> found) {
    if (!found) return reply(empty_answer(question, DnsCode::server_failure));
    set_message_id(found->message, question.id);
    learn(question, found->content, [question, reply, message = std::move(found->message)](bool told) {
      reply(told ? message : empty_answer(question, DnsCode::server_failure));
    });
  });
}

void NameResolver::learn(const DnsQuestion& question, const DnsAnswer& answer, const NameUpdates::Done& done) {
  book_.learn(question.name, answer.addresses, answer.seconds, now_seconds());
  updates_.tell(question.name, answer.addresses, done);
  arm();
}

// --- names that are known beforehand
// ------------------------------------------------------------------------------------

void NameResolver::refresh_names() {
  for (std::size_t i = 0; i < refreshes_.size() && upstream_.size() < refreshed_at_once; ++i) {
    Refresh& refresh = refreshes_[i];
    const auto question = make_question(refresh.name, refresh.type);
    if (refresh.asked || refresh.due > now_seconds() || !question) continue;
    refresh.asked = true;
    upstream_.ask(*question, [this, i, question = *question](std::optional<NameUpstream::Answer> found) {
      const DnsAnswer content = found ? std::move(found->content) : DnsAnswer{};
      refreshes_[i].asked = false;
      refreshes_[i].due = now_seconds() + NameBook::lifetime(content.seconds);
      learn(question, content, [](bool) {});
    });
  }
  arm();
}

void NameResolver::expire_names() {
  for (const auto& name : book_.expire(now_seconds())) updates_.tell_anew(name);
}

void NameResolver::on_timer() {
  linux::clear_timer(timer_);
  std::vector<std::uint64_t> idle;
  for (const auto& [number, client] : clients_)
    if (client.deadline <= Clock::now()) idle.push_back(number);
  for (const auto number : idle) drop_client(number);
  expire_names();
  refresh_names();
}

void NameResolver::arm() {
  constexpr NameBook::Seconds longest_sleep = 3600;
  const auto now = now_seconds();
  auto next = std::min(book_.next_expiry().value_or(now + longest_sleep), now + longest_sleep);
  for (const auto& refresh : refreshes_)
    if (!refresh.asked) next = std::min(next, refresh.due);
  auto wait = std::max<std::chrono::nanoseconds>(std::chrono::seconds(next - now), std::chrono::milliseconds(100));
  for (const auto& [number, client] : clients_)
    wait = std::min(wait,
                    std::max<std::chrono::nanoseconds>(client.deadline - Clock::now(), std::chrono::milliseconds(1)));
  linux::arm_timer(timer_, wait);
}

}  // namespace conductor::monitor
