#include "monitor/dns_message.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace conductor::monitor {
namespace {

constexpr std::size_t header_size = 12;
constexpr std::size_t longest_name = 255;
constexpr std::size_t longest_label = 63;
constexpr std::size_t smallest_limit = 512, largest_limit = 1232;  // of datagrams (RFC 6891, 6.2.5)
constexpr int longest_chain = 16;                                  // of aliases

constexpr unsigned is_answer = 0x8000, operation = 0x7800, was_cut = 0x0200, wants_recursion = 0x0100,
                   can_recurse = 0x0080, code_bits = 0x000f;
constexpr std::uint16_t internet = 1;  // the class
constexpr std::uint32_t security_bit = 0x8000;

constexpr std::uint16_t number(DnsType type) { return static_cast<std::uint16_t>(type); }

void put(std::string& bytes, unsigned value) {
  bytes += static_cast<char>((value >> 8U) & 0xffU);
  bytes += static_cast<char>(value & 0xffU);
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Reads forward; whatever is asked for beyond the end makes it bad for good.
class Reader {
 public:
  Reader(std::string_view message, std::size_t at) : message_(message), at_(at) {}
  bool good() const { return good_; }
  std::size_t position() const { return at_; }

  std::string_view take(std::size_t size) {
    if (!good_ || size > message_.size() - at_) return good_ = false, std::string_view();
    const auto part = message_.substr(at_, size);
    at_ += size;
    return part;
  }
  std::uint16_t take16() {
    const auto bytes = take(2);
    return bytes.empty() ? std::uint16_t{0} : static_cast<std::uint16_t>(byte(bytes[0]) << 8U | byte(bytes[1]));
  }
  std::uint32_t take32() {
    const std::uint32_t high = take16();
    return high << 16U | take16();
  }
  // In the form of RFC 1035, 3.1, in lower case and without compression.
  std::string take_name() {
    std::string name;
    std::size_t at = at_;
    std::size_t end = 0;  // behind the first pointer; 0: there was none
    for (std::size_t lowest = at_;;) {
      if (!good_ || at >= message_.size()) return fail();
      const unsigned length = byte(message_[at]);
      if (length > longest_label) {
        // A pointer leads back, each further than the one before it: no loops.
        if ((length & 0xc0U) != 0xc0U || at + 1 >= message_.size()) return fail();
        const std::size_t target = (length & 0x3fU) << 8U | byte(message_[at + 1]);
        if (end == 0) end = at + 2;
        if (target >= lowest) return fail();
        lowest = at = target;
        continue;
      }
      if (length >= message_.size() - at || name.size() + length + 1 > longest_name) return fail();
      for (std::size_t i = 0; i <= length; ++i) name += i == 0 ? message_[at] : lower(message_[at + i]);
      at += length + 1;
      if (length == 0) break;
    }
    at_ = end == 0 ? at : end;
    return name;
  }

 private:
  static unsigned byte(char c) { return static_cast<unsigned char>(c); }
  std::string fail() {
    good_ = false;
    return {};
  }

  std::string_view message_;
  std::size_t at_;
  bool good_ = true;
};

struct Header {
  std::uint16_t id = 0, flags = 0, questions = 0, answers = 0, authorities = 0, more = 0;
};
std::optional<Header> take_header(Reader& reader) {
  Header header;
  for (auto* field : {&header.id, &header.flags, &header.questions, &header.answers, &header.authorities, &header.more})
    *field = reader.take16();
  return reader.good() ? std::optional(header) : std::nullopt;
}

struct Record {
  std::string name;
  std::uint16_t type = 0, record_class = 0;
  std::uint32_t seconds = 0;
  std::string_view data;
  std::size_t data_at = 0;
};
Record take_record(Reader& reader) {
  Record record;
  record.name = reader.take_name();
  record.type = reader.take16();
  record.record_class = reader.take16();
  record.seconds = reader.take32();
  const std::size_t size = reader.take16();
  record.data_at = reader.position();
  record.data = reader.take(size);
  return record;
}

bool plain(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; }

// Dots for lengths. Nothing for names of other characters: whoever reads this one could take it for another.
std::optional<std::string> text_of(std::string_view name) {
  std::string text;
  for (std::size_t at = 0; at < name.size() && name[at] != 0;) {
    const auto length = static_cast<unsigned char>(name[at]);
    const auto label = name.substr(at + 1, length);
    if (!std::all_of(label.begin(), label.end(), plain)) return std::nullopt;
    if (!text.empty()) text += '.';
    text += label;
    at += length + 1U;
  }
  return text.empty() ? std::nullopt : std::optional(text);
}

std::string_view without_dot(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

// What a query may have behind its question: one OPT record.
bool take_extension(Reader& reader, DnsQuestion& question) {
  const Record record = take_record(reader);
  if (!reader.good() || record.type != number(DnsType::opt) || record.name != std::string(1, '\0')) return false;
  question.extended = true;
  question.security = (record.seconds & security_bit) != 0;
  question.answer_limit = std::clamp<std::size_t>(record.record_class, smallest_limit, largest_limit);
  return true;
}

// What the records of an answer say, by name.
struct Records {
  std::map<std::string, std::pair<std::string, std::uint32_t>> aliases;
  std::multimap<std::string, std::pair<linux::IpAddress, std::uint32_t>> addresses;
};

void note(Records& records, const Record& record, std::string_view message, std::uint16_t wanted) {
  if (record.record_class != internet) return;
  if (record.type == number(DnsType::cname)) {
    Reader target(message.substr(0, record.data_at + record.data.size()), record.data_at);
    const std::string name = target.take_name();
    if (target.good()) records.aliases.emplace(record.name, std::pair(name, record.seconds));
    return;
  }
  linux::IpAddress address;
  address.v6 = wanted == number(DnsType::aaaa);
  if (record.type != wanted || record.data.size() != address.size()) return;
  std::copy(record.data.begin(), record.data.end(), address.bytes.begin());
  records.addresses.emplace(record.name, std::pair(address, record.seconds));
}

void follow(const Records& records, std::string name, DnsAnswer& answer) {
  std::uint32_t shortest = ~std::uint32_t{0};
  for (int i = 0; i < longest_chain; ++i) {
    const auto alias = records.aliases.find(name);
    if (alias == records.aliases.end()) break;
    shortest = std::min(shortest, alias->second.second);
    name = alias->second.first;
  }
  const auto [first, last] = records.addresses.equal_range(name);
  for (auto found = first; found != last; ++found) {
    const auto& [address, seconds] = found->second;
    shortest = std::min(shortest, seconds);
    if (std::find(answer.addresses.begin(), answer.addresses.end(), address) == answer.addresses.end())
      answer.addresses.push_back(address);
  }
  answer.seconds = answer.addresses.empty() ? 0 : shortest;
}

// Same name, type and class.
bool same_question(std::string_view message, const DnsQuestion& question, Reader& reader) {
  Reader asked(question.section, 0);
  const std::string name = reader.take_name();
  const std::uint16_t type = reader.take16(), question_class = reader.take16();
  return reader.good() && message.size() >= header_size && name == asked.take_name() && type == question.type &&
         question_class == internet;
}

}  // namespace

std::optional<DnsQuestion> parse_question(std::string_view message) {
  Reader reader(message, 0);
  const auto header = take_header(reader);
  if (!header || (header->flags & (is_answer | operation | was_cut)) != 0) return std::nullopt;
  if (header->questions != 1 || header->answers != 0 || header->authorities != 0 || header->more > 1)
    return std::nullopt;
  DnsQuestion question;
  question.id = header->id;
  const auto name = text_of(reader.take_name());
  question.type = reader.take16();
  if (reader.take16() != internet || !reader.good() || !name) return std::nullopt;
  question.name = *name;
  question.section = message.substr(header_size, reader.position() - header_size);
  if (question.section.size() != name->size() + 2 + 4) return std::nullopt;  // it was compressed
  if (header->more == 1 && !take_extension(reader, question)) return std::nullopt;
  return question;
}

std::optional<DnsQuestion> make_question(std::string_view name, DnsType type) {
  DnsQuestion question;
  question.name = base::lower(without_dot(name));
  question.type = number(type);
  for (const auto& label : base::split(question.name, '.')) {
    if (label.empty() || label.size() > longest_label || !std::all_of(label.begin(), label.end(), plain))
      return std::nullopt;
    question.section += static_cast<char>(label.size());
    question.section += label;
  }
  question.section += '\0';
  if (question.section.size() > longest_name) return std::nullopt;
  put(question.section, question.type);
  put(question.section, internet);
  return question;
}

std::optional<DnsAnswer> parse_answer(std::string_view message, const DnsQuestion& question) {
  Reader reader(message, 0);
  const auto header = take_header(reader);
  if (!header || (header->flags & is_answer) == 0 || (header->flags & operation) != 0) return std::nullopt;
  if (header->id != question.id || header->questions != 1 || !same_question(message, question, reader))
    return std::nullopt;
  DnsAnswer answer;
  answer.code = static_cast<DnsCode>(header->flags & code_bits);
  answer.truncated = (header->flags & was_cut) != 0;
  Records records;
  for (unsigned i = 0; i < header->answers; ++i) {
    const Record record = take_record(reader);
    if (!reader.good()) return answer.truncated ? std::optional(answer) : std::nullopt;
    note(records, record, message, question.type);
  }
  if (question.asks_for_addresses() && answer.code == DnsCode::success)
    follow(records, Reader(question.section, 0).take_name(), answer);
  return answer;
}

std::string question_message(const DnsQuestion& question, std::uint16_t id) {
  std::string message;
  for (const unsigned field : {unsigned{id}, wants_recursion, 1U, 0U, 0U, question.extended ? 1U : 0U})
    put(message, field);
  message += question.section;
  if (question.extended) {
    message += '\0';
    for (const unsigned field : {unsigned{number(DnsType::opt)}, unsigned{largest_limit}, 0U,
                                 question.security ? unsigned{security_bit} : 0U, 0U})
      put(message, field);
  }
  return message;
}

std::string empty_answer(const DnsQuestion& question, DnsCode code, bool truncated) {
  const unsigned flags =
      is_answer | wants_recursion | can_recurse | (truncated ? was_cut : 0U) | static_cast<unsigned>(code);
  std::string message;
  for (const unsigned field : {unsigned{question.id}, flags, 1U, 0U, 0U, 0U}) put(message, field);
  return message + question.section;
}

void set_message_id(std::string& message, std::uint16_t id) {
  std::string bytes;
  put(bytes, id);
  message.replace(0, bytes.size(), bytes);
}

bool name_matches(std::string_view pattern, std::string_view name) {
  const std::string wanted = base::lower(without_dot(pattern)), given = base::lower(without_dot(name));
  if (!wanted.starts_with("*.")) return wanted == given;
  const auto suffix = std::string_view(wanted).substr(1);
  return given.size() > suffix.size() && given.ends_with(suffix);
}

}  // namespace conductor::monitor
