// Messages of the domain name system (RFC 1035, RFC 6891), as far as somebody who passes them on has to understand
// them. Pure; any byte may be hostile: what is malformed is nothing.
#pragma once

#include "linux/ip_address.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace conductor::monitor {

enum class DnsType : std::uint16_t { a = 1, cname = 5, aaaa = 28, opt = 41 };
enum class DnsCode : std::uint8_t { success = 0, server_failure = 2, no_such_name = 3, refused = 5 };

struct DnsQuestion {
  std::uint16_t id = 0;
  std::string name;     // lower case, no dot at the end: letters, digits, '-' and '_'
  std::string section;  // name, type and class as they were sent
  std::uint16_t type = 0;
  bool extended = false;           // it has an OPT record
  bool security = false;           // whose DO bit is set
  std::size_t answer_limit = 512;  // bytes of an answer over UDP

  bool asks_for_addresses() const {
    return type == static_cast<std::uint16_t>(DnsType::a) || type == static_cast<std::uint16_t>(DnsType::aaaa);
  }
};
// A query with one question of class IN.
std::optional<DnsQuestion> parse_question(std::string_view message);
// Nothing when the name is none.
std::optional<DnsQuestion> make_question(std::string_view name, DnsType type);

struct DnsAnswer {
  DnsCode code = DnsCode::success;
  bool truncated = false;
  std::vector<linux::IpAddress> addresses;  // of the name that was asked, behind its aliases (CNAME); each once
  std::uint32_t seconds = 0;                // they live; the shortest of the way to them
};
// Nothing unless the message answers that question: the id and the question are the same.
std::optional<DnsAnswer> parse_answer(std::string_view message, const DnsQuestion& question);

// The question as it is sent on: nothing of the original but its section goes along.
std::string question_message(const DnsQuestion& question, std::uint16_t id);
// An answer of our own, without records.
std::string empty_answer(const DnsQuestion& question, DnsCode code, bool truncated = false);
void set_message_id(std::string& message, std::uint16_t id);

// "*.example.org" matches every name below example.org, not itself. Case and a dot at the end do not count.
bool name_matches(std::string_view pattern, std::string_view name);

}  // namespace conductor::monitor
