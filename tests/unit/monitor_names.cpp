// Names outside: messages of the domain name system, and what is known of names.
#include "linux/fd.hpp"
#include "monitor/dns_message.hpp"
#include "monitor/dns_stream.hpp"
#include "monitor/name_book.hpp"
#include "monitor/name_upstream.hpp"
#include "support/catch.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <random>

using namespace conductor::monitor;
namespace linux = conductor::linux;

namespace {

std::string number(unsigned value) { return {static_cast<char>(value >> 8U), static_cast<char>(value & 0xffU)}; }

std::string name(std::string_view text) {
  std::string bytes;
  while (!text.empty()) {
    const auto label = text.substr(0, text.find('.'));
    bytes += static_cast<char>(label.size());
    bytes += label;
    text.remove_prefix(std::min(text.size(), label.size() + 1));
  }
  return bytes + '\0';
}

std::string record(const std::string& owner, unsigned type, unsigned seconds, const std::string& data) {
  return owner + number(type) + number(1) + number(0) + number(seconds) + number(static_cast<unsigned>(data.size())) +
         data;
}

std::string header(unsigned id, unsigned flags, unsigned questions, unsigned answers, unsigned more = 0) {
  return number(id) + number(flags) + number(questions) + number(answers) + number(0) + number(more);
}

std::string query(std::string_view text, unsigned type = 1) {
  return header(7, 0x0100, 1, 0) + name(text) + number(type) + number(1);
}

linux::IpAddress ip(const char* text) { return *linux::parse_ip(text); }
std::string wire(const char* text) { return ip(text).wire(); }

DnsQuestion question(const char* text, DnsType type = DnsType::a) {
  auto made = make_question(text, type);
  REQUIRE(made);
  made->id = 7;
  return *made;
}

const std::string pointer_to_question("\xc0\x0c", 2);

}  // namespace

TEST_CASE("a question is read, its name in lower case") {
  const auto asked = parse_question(query("API.Example.org"));
  REQUIRE(asked);
  CHECK(asked->id == 7);
  CHECK(asked->name == "api.example.org");
  CHECK(asked->type == 1);
  CHECK(asked->answer_limit == 512);
  CHECK(question_message(*asked, 9) == header(9, 0x0100, 1, 0) + name("API.Example.org") + number(1) + number(1));
}

TEST_CASE("an OPT record says how long an answer may be, and is the only one allowed") {
  const std::string base = header(7, 0x0100, 1, 0, 1) + name("a.b") + number(1) + number(1);
  const auto option = [](unsigned size) {
    return std::string(1, '\0') + number(41) + number(size) + std::string(6, '\0');
  };
  CHECK(parse_question(base + option(4096))->answer_limit == 1232);
  CHECK(parse_question(base + option(100))->answer_limit == 512);
  CHECK(parse_question(base + option(900))->extended);
  CHECK_FALSE(parse_question(base + record(name("a.b"), 1, 5, wire("192.0.2.1"))));
  CHECK_FALSE(parse_question(base));
}

TEST_CASE("what is no question is nothing") {
  const std::string good = query("a.example.org");
  REQUIRE(parse_question(good));
  for (std::size_t size = 0; size < good.size(); ++size) CHECK_FALSE(parse_question(good.substr(0, size)));
  CHECK_FALSE(parse_question(header(7, 0x8100, 1, 0) + good.substr(12)));  // an answer
  CHECK_FALSE(parse_question(header(7, 0x2800, 1, 0) + good.substr(12)));  // an update
  CHECK_FALSE(parse_question(header(7, 0x0100, 2, 0) + good.substr(12) + good.substr(12)));
  CHECK_FALSE(parse_question(header(7, 0x0100, 0, 0)));
  CHECK_FALSE(parse_question(header(7, 0x0100, 1, 0) + name("a.b") + number(1) + number(3)));           // CHAOS
  CHECK_FALSE(parse_question(header(7, 0x0100, 1, 0) + std::string(1, '\0') + number(1) + number(1)));  // the root
  CHECK_FALSE(parse_question(header(7, 0x0100, 1, 0) + pointer_to_question + number(1) + number(1)));   // at itself
  // A label with a dot in it would be read as another name.
  CHECK_FALSE(parse_question(header(7, 0x0100, 1, 0) +
                             std::string("\x0b"
                                         "example.org") +
                             '\0' + number(1) + number(1)));
  for (const char* odd : {"a b.org", "a\n.org", "--root=/;.org", "\xc3\xa4.org"})
    CHECK_FALSE(parse_question(query(odd)));
  CHECK_FALSE(parse_question(query(std::string(64, 'a') + ".org")));
  std::string endless;
  for (int i = 0; i < 5; ++i) endless += std::string(60, 'a') + ".";
  CHECK_FALSE(parse_question(query(endless + "org")));
}

TEST_CASE("addresses of an answer, behind aliases") {
  const auto asked = question("www.example.org");
  const std::string start = header(7, 0x8180, 1, 4) + asked.section;
  const auto answer = parse_answer(start + record(pointer_to_question, 5, 60, name("cdn.example.net")) +
                                       record(name("CDN.example.net"), 1, 20, wire("192.0.2.1")) +
                                       record(name("cdn.example.net"), 1, 90, wire("192.0.2.2")) +
                                       record(name("other.example.net"), 1, 90, wire("192.0.2.66")),
                                   asked);
  REQUIRE(answer);
  CHECK(answer->addresses == std::vector{ip("192.0.2.1"), ip("192.0.2.2")});
  CHECK(answer->seconds == 20);
}

TEST_CASE("IPv6 addresses are learned from questions for them alone") {
  const auto asked = question("a.org", DnsType::aaaa);
  const auto bytes = header(7, 0x8180, 1, 2) + asked.section +
                     record(pointer_to_question, 28, 60, wire("2001:db8::1")) +
                     record(pointer_to_question, 1, 60, wire("192.0.2.1"));
  CHECK(parse_answer(bytes, asked)->addresses == std::vector{ip("2001:db8::1")});
  CHECK_FALSE(parse_answer(bytes, question("a.org")));  // another type was asked
}

TEST_CASE("an answer to another question is none") {
  const auto asked = question("a.org");
  const std::string good =
      header(7, 0x8180, 1, 1) + asked.section + record(pointer_to_question, 1, 9, wire("192.0.2.1"));
  REQUIRE(parse_answer(good, asked)->addresses.size() == 1);
  auto other = asked;
  other.id = 8;
  CHECK_FALSE(parse_answer(good, other));
  CHECK_FALSE(parse_answer(good, question("b.org")));
  CHECK_FALSE(parse_answer(query("a.org"), asked));
  for (std::size_t size = 0; size < good.size(); ++size) CHECK_FALSE(parse_answer(good.substr(0, size), asked));
}

TEST_CASE("aliases in a ring and pointers in a ring end") {
  const auto asked = question("a.org");
  const std::string start = header(7, 0x8180, 1, 2) + asked.section;
  const auto ring = parse_answer(
      start + record(name("a.org"), 5, 9, name("b.org")) + record(name("b.org"), 5, 9, name("a.org")), asked);
  REQUIRE(ring);
  CHECK(ring->addresses.empty());
  const auto at = static_cast<unsigned>(start.size());
  CHECK_FALSE(parse_answer(start + number(0xc000U | at) + number(1) + number(1), asked));
  CHECK_FALSE(parse_answer(start + number(0xc000U | (at + 2)) + number(0xc000U | at), asked));
}

TEST_CASE("hostile bytes do no harm") {
  std::mt19937 random(4711);
  const auto asked = question("a.example.org");
  const std::string good = header(7, 0x8180, 1, 2) + asked.section +
                           record(pointer_to_question, 5, 60, name("b.example.net")) +
                           record(name("b.example.net"), 1, 20, wire("192.0.2.1"));
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = good.substr(0, 1 + random() % good.size());
    for (auto n = random() % 6; n > 0; --n) bytes[random() % bytes.size()] = static_cast<char>(random());
    const auto answer = parse_answer(bytes, asked);
    if (answer) CHECK(answer->addresses.size() <= 2);
    const auto read = parse_question(bytes);
    if (read) CHECK(read->name.size() < 255);
  }
}

TEST_CASE("our own answers carry the question") {
  const auto asked = *parse_question(query("No.example.org", 15));
  CHECK(empty_answer(asked, DnsCode::no_such_name) ==
        header(7, 0x8183, 1, 0) + name("No.example.org") + number(15) + number(1));
  CHECK(empty_answer(asked, DnsCode::success, true).substr(2, 2) == number(0x8380));
}

TEST_CASE("patterns") {
  CHECK(name_matches("api.example.org", "API.example.org."));
  CHECK_FALSE(name_matches("api.example.org", "xapi.example.org"));
  CHECK(name_matches("*.example.org", "a.b.example.org"));
  CHECK_FALSE(name_matches("*.example.org", "example.org"));
  CHECK_FALSE(name_matches("*.example.org", "badexample.org"));
  CHECK_FALSE(name_matches("*.example.org", ".example.org"));
}

TEST_CASE("messages on a stream come in pieces, and none is too long") {
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
  const linux::Fd ours(ends[0]);
  linux::Fd theirs(ends[1]);
  DnsStream stream(16);
  stream.put("question");
  CHECK(stream.move(ours.get()));
  char buffer[32];
  CHECK(read(theirs.get(), buffer, sizeof buffer) == 10);
  CHECK(std::string(buffer, 10) == number(8) + "question");
  for (const char byte : number(3) + "one" + number(3) + "tw") {
    CHECK_FALSE(stream.take());
    linux::write_all(theirs.get(), std::string_view(&byte, 1));
    CHECK(stream.move(ours.get()));
    if (byte == 'e') CHECK(stream.take() == "one");
  }
  linux::write_all(theirs.get(), "o" + number(17));
  CHECK(stream.move(ours.get()));
  CHECK(stream.take() == "two");
  CHECK_FALSE(stream.move(ours.get()));
}

TEST_CASE("servers of a resolver file: three at most, loopback too") {
  CHECK(
      name_servers_of("nameserver 127.0.0.53\n nameserver ::1 # x\nnameserver\nnameserver words\nnameserverx 1.1.1.1\n"
                      "nameserver 192.0.2.1\nnameserver 192.0.2.2\n") ==
      std::vector<std::string>{"127.0.0.53", "::1", "192.0.2.1"});
}

TEST_CASE("what a name stands for grows at once and shrinks later") {
  NameBook book({"api.example.org", "*.example.net", "Mirror.example.org."});
  CHECK(book.exact() == std::vector<std::string>{"api.example.org", "mirror.example.org"});
  CHECK(book.allows("x.example.net"));
  CHECK_FALSE(book.allows("example.net"));
  const NameBook::Addresses one = {ip("192.0.2.1")}, two = {ip("192.0.2.2")};
  book.learn("api.example.org", one, 60, 1000);
  CHECK_FALSE(book.is_told("api.example.org", one));
  book.set_told("api.example.org", book.current("api.example.org"));
  CHECK(book.is_told("api.example.org", one));
  book.learn("api.example.org", two, 60, 1100);
  CHECK_FALSE(book.is_told("api.example.org", two));
  CHECK(book.current("api.example.org").size() == 2);
  book.set_told("api.example.org", book.current("api.example.org"));
  CHECK(book.next_expiry() == 1360);
  CHECK(book.expire(1359).empty());
  CHECK(book.expire(1360) == std::vector<std::string>{"api.example.org"});
  CHECK(book.current("api.example.org") == two);
}

TEST_CASE("times to live are held within bounds") {
  CHECK(NameBook::lifetime(0) == 30);
  CHECK(NameBook::lifetime(31) == 31);
  CHECK(NameBook::lifetime(~0U) == 3600);
}

TEST_CASE("names without end make room for each other") {
  NameBook book({"*.example.net"});
  for (int i = 0; i < 300; ++i) {
    const std::string one = std::to_string(i) + ".example.net";
    book.learn(one, {ip("192.0.2.1")}, 60, 1000 + i);
    book.set_told(one, book.current(one));
  }
  CHECK(book.current("299.example.net").size() == 1);
  CHECK(book.expire(1300).size() == 44);
  CHECK(book.current("0.example.net").empty());
  NameBook wide({"wide.org"});
  NameBook::Addresses many;
  for (unsigned i = 0; i < 200; ++i) many.emplace_back(0xc0000200U + i);
  wide.learn("wide.org", many, 60, 1);
  CHECK(wide.current("wide.org").size() == 64);
}
