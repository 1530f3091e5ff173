// What is known of the names a container may reach outside: which those are, and the addresses that stand for them. No
// clock and no network: the time is told (seconds of CLOCK_MONOTONIC).
#pragma once

#include "linux/ip_address.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace conductor::monitor {

class NameBook {
 public:
  using Seconds = std::int64_t;
  using Addresses = std::vector<linux::IpAddress>;
  explicit NameBook(std::vector<std::string> patterns);

  bool allows(const std::string& name) const;
  const std::vector<std::string>& exact() const { return exact_; }  // names without '*'

  // How long an answer holds before its name is asked again: 30 seconds to an hour.
  static Seconds lifetime(std::uint32_t seconds);
  // An answer: its addresses belong to the name until some minutes after their time, for programs that remember them.
  // Of more than 64 for a name, and of more than 256 names, the oldest go.
  void learn(const std::string& name, const Addresses& addresses, std::uint32_t seconds, Seconds now);
  // All of them have been told and are young.
  bool is_told(const std::string& name, const Addresses& addresses) const;
  // What is to be told of a name; empty: nothing any more.
  Addresses current(const std::string& name) const;
  void set_told(const std::string& name, const Addresses& addresses);
  // Takes out what has become too old; the names whose addresses have to be told anew.
  std::vector<std::string> expire(Seconds now);
  std::optional<Seconds> next_expiry() const;

 private:
  struct Entry {
    std::map<linux::IpAddress, Seconds> until;
    Addresses told;
  };
  void make_room(const std::string& name);

  std::vector<std::string> patterns_, exact_;
  std::map<std::string, Entry> entries_;
};

}  // namespace conductor::monitor
