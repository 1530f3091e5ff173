// Questions to name servers: over UDP, and over TCP what does not fit (RFC 1035, 4.2; RFC 7766).
#pragma once

#include "monitor/dns_message.hpp"
#include "monitor/loop.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace conductor::monitor {

// The servers a resolv.conf(5) names, in its order. Pure.
std::vector<std::string> name_servers_of(std::string_view resolver_file);

// Each question has a socket of its own, connected to the server, with a port and an id that nobody can know: what
// comes from elsewhere or answers another question is not looked at. A server that says nothing for two seconds, or
// that it cannot answer, makes room for the next.
class NameUpstream {
 public:
  // The message and what it says; nothing when no server has answered. May be called before `ask` returns.
  struct Answer {
    std::string message;
    DnsAnswer content;
  };
  using Done = std::function<void(std::optional<Answer>)>;

  // Without servers those of /etc/resolv.conf, as they are at each question.
  NameUpstream(Loop& loop, std::vector<std::string> servers);
  ~NameUpstream();
  NameUpstream(const NameUpstream&) = delete;
  NameUpstream& operator=(const NameUpstream&) = delete;

  bool busy() const { return questions_.size() >= most_questions; }
  std::size_t size() const { return questions_.size(); }
  // While it is busy nothing is asked and nobody has answered.
  void ask(const DnsQuestion& question, Done done);

  static constexpr std::size_t most_questions = 256;

 private:
  struct Exchange;
  void try_next(std::uint64_t number);
  void open(Exchange& exchange, std::uint64_t number, bool stream);
  void on_datagram(std::uint64_t number);
  void on_stream(std::uint64_t number);
  void on_answer(std::uint64_t number, std::string message);
  void finish(std::uint64_t number, std::optional<Answer> answer);
  void close(Exchange& exchange);
  void on_timer();
  void arm();

  Loop& loop_;
  const std::vector<std::string> servers_;
  linux::Fd timer_;
  std::map<std::uint64_t, std::unique_ptr<Exchange>> questions_;
  std::uint64_t last_ = 0;
};

}  // namespace conductor::monitor
