// A container's own resolver: it knows the names the container may reach and no others, and has the network opened for
// an address before the container learns it.
#pragma once

#include "monitor/dns_stream.hpp"
#include "monitor/loop.hpp"
#include "monitor/name_book.hpp"
#include "monitor/name_update.hpp"
#include "monitor/name_upstream.hpp"
#include "monitor/protocol.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace conductor::monitor {

// It waits for the container in the container's network namespace and asks servers in ours. A failure costs an answer,
// never more.
class NameResolver {
 public:
  NameResolver(Loop& loop, const Resolver& settings);
  ~NameResolver();
  NameResolver(const NameResolver&) = delete;
  NameResolver& operator=(const NameResolver&) = delete;

  // Binds 127.0.0.11:53 there, UDP and TCP, and asks for the names that are known by now. Throws Error.
  void listen(const linux::Fd& network_namespace);

 private:
  using Reply = std::function<void(std::string message)>;
  struct Client {
    linux::Fd socket;
    DnsStream stream;
    std::chrono::steady_clock::time_point deadline;
  };
  struct Refresh {
    std::string name;
    DnsType type = DnsType::a;
    NameBook::Seconds due = 0;
    bool asked = false;
  };

  void on_datagram();
  void accept_client();
  void on_client(std::uint64_t number);
  void drop_client(std::uint64_t number);
  void answer(const DnsQuestion& question, const Reply& reply);
  void learn(const DnsQuestion& question, const DnsAnswer& answer, const NameUpdates::Done& done);
  void refresh_names();
  void expire_names();
  void on_timer();
  void arm();

  Loop& loop_;
  NameBook book_;
  NameUpstream upstream_;
  NameUpdates updates_;
  linux::Fd datagrams_, listener_, timer_;
  std::map<std::uint64_t, Client> clients_;
  std::uint64_t last_client_ = 0;
  std::vector<Refresh> refreshes_;
};

}  // namespace conductor::monitor
