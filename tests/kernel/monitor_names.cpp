// The resolver of a container, between a name server and a client that this test plays: three network namespaces' worth
// of sockets in two, that of the host and that of the container.
#include "linux/events.hpp"
#include "linux/fd.hpp"
#include "linux/namespaces.hpp"
#include "monitor/dns_message.hpp"
#include "monitor/name_resolver.hpp"
#include "monitor/socket_address.hpp"
#include "support/catch.hpp"
#include "support/temp.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <map>
#include <mutex>
#include <thread>

using namespace conductor::monitor;
namespace linux = conductor::linux;
using linux::Fd;

namespace {

void bring_up_loopback() {
  const Fd any(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::memcpy(request.ifr_name, "lo", sizeof "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  REQUIRE(ioctl(any.get(), SIOCSIFFLAGS, &request) == 0);
}

Fd new_namespace() {
  Fd made;
  std::thread([&] {
    if (unshare(CLONE_NEWNET) != 0) return;
    bring_up_loopback();
    made = linux::open_own_namespace("net");
  }).join();
  return made;
}

std::string number(unsigned value) { return {static_cast<char>(value >> 8U), static_cast<char>(value & 0xffU)}; }

std::string reply(const std::string& query, unsigned flags, const std::vector<std::string>& addresses,
                  unsigned id_change = 0, unsigned seconds = 60) {
  const auto asked = *parse_question(query);
  std::string bytes = number((asked.id + id_change) & 0xffffU) + number(0x8180U | flags) + number(1) +
                      number(static_cast<unsigned>(addresses.size())) + number(0) + number(0) + asked.section;
  for (const auto& text : addresses) {
    const auto address = *linux::parse_ip(text);
    bytes += std::string("\xc0\x0c", 2) + number(address.v6 ? 28 : 1) + number(1) + number(0) + number(seconds) +
             number(static_cast<unsigned>(address.size())) + address.wire();
  }
  return bytes;
}

// Answers at 127.0.0.1:53 of the host's namespace, UDP and TCP.
class Server {
 public:
  explicit Server(const Fd& space) : stop_(eventfd(0, EFD_CLOEXEC)) {
    linux::in_network_namespace(space, [&] {
      const auto address = socket_address("127.0.0.1", 53);
      udp_ = Fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
      tcp_ = Fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      REQUIRE(bind(udp_.get(), address.get(), address.size) == 0);
      REQUIRE(bind(tcp_.get(), address.get(), address.size) == 0);
      REQUIRE(listen(tcp_.get(), 8) == 0);
    });
    thread_ = std::thread([this] { run(); });
  }
  ~Server() {
    eventfd_write(stop_.get(), 1);
    thread_.join();
  }
  int asked(const std::string& name) {
    const std::lock_guard guard(mutex_);
    return asked_[name];
  }

 private:
  void run() {
    pollfd entries[] = {{udp_.get(), POLLIN, 0}, {tcp_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    while (poll(entries, 3, -1) > 0 && entries[2].revents == 0) {
      if (entries[0].revents != 0) datagram();
      if (entries[1].revents != 0) stream();
    }
  }
  void datagram() {
    char buffer[512];
    SocketAddress from;
    from.size = sizeof from.storage;
    const auto size =
        recvfrom(udp_.get(), buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&from.storage), &from.size);
    const std::string query(buffer, static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    const auto asked = parse_question(query);
    if (!asked) return;
    {
      const std::lock_guard guard(mutex_);
      ++asked_[asked->name];
    }
    for (const auto& message : answers(query, *asked))
      sendto(udp_.get(), message.data(), message.size(), 0, from.get(), from.size);
  }
  static std::vector<std::string> answers(const std::string& query, const DnsQuestion& asked) {
    const bool v4 = asked.type == 1;
    if (asked.name == "spoofed.example.org")
      return {reply(query, 0, {"203.0.113.66"}, 1), "junk", reply(query, 0, {"192.0.2.5"})};
    if (asked.name == "large.example.org") return {reply(query, 0x0200, {})};
    if (asked.name == "gone.example.org") return {reply(query, 3, {})};
    if (asked.type == 16) return {reply(query, 0, {})};
    if (asked.name == "six.example.org")
      return {reply(query, 0, v4 ? std::vector<std::string>{} : std::vector<std::string>{"2001:db8::7"})};
    return {reply(query, 0, v4 ? std::vector<std::string>{"192.0.2.1"} : std::vector<std::string>{})};
  }
  void stream() {
    const Fd client(accept4(tcp_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    DnsStream messages;
    while (linux::wait_readable(client.get(), 2000)) {
      const bool open = messages.move(client.get());
      if (const auto query = messages.take()) {
        std::vector<std::string> many;
        for (int i = 1; i <= 60; ++i) many.push_back("192.0.2." + std::to_string(i));
        messages.put(reply(*query, 0, many));
        messages.move(client.get());
        return;
      }
      if (!open) return;
    }
  }

  Fd udp_, tcp_, stop_;
  std::thread thread_;
  std::mutex mutex_;
  std::map<std::string, int> asked_;
};

// A resolver at work in a thread of the host's namespace, and a client in the container's.
class World {
 public:
  explicit World(std::vector<std::string> names, std::vector<std::string> servers = {"127.0.0.1"})
      : host_(new_namespace()), container_(new_namespace()), server_(host_), stop_(eventfd(0, EFD_CLOEXEC)) {
    write_program();
    Resolver settings{std::move(names), std::move(servers), {program(), told_file()}};
    thread_ = std::thread([this, settings] {
      linux::enter_namespace(host_);
      Loop loop;
      NameResolver resolver(loop, settings);
      resolver.listen(container_);
      loop.add(stop_.get(), EPOLLIN, [&] { loop.stop(); });
      ready_ = true;
      ready_.notify_all();
      loop.run();
    });
    ready_.wait(false);
  }
  ~World() {
    eventfd_write(stop_.get(), 1);
    thread_.join();
  }

  std::string ask(const std::string& name, DnsType type = DnsType::a) { return ask_bytes(query(name, type)); }
  static std::string query(const std::string& name, DnsType type) {
    return question_message(*make_question(name, type), 77);
  }
  std::string ask_bytes(const std::string& bytes, int milliseconds = 8000) {
    const Fd fd = client(SOCK_DGRAM);
    REQUIRE(send(fd.get(), bytes.data(), bytes.size(), 0) >= 0);
    if (!linux::wait_readable(fd.get(), milliseconds)) return {};
    char buffer[4096];
    const auto size = recv(fd.get(), buffer, sizeof buffer, 0);
    return {buffer, static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
  }
  std::string ask_by_stream(const std::string& name) {
    const Fd fd = client(SOCK_STREAM);
    DnsStream messages;
    messages.put(query(name, DnsType::a));
    while (messages.move(fd.get()))
      if (auto message = messages.take())
        return *message;
      else if (!linux::wait_readable(fd.get(), 8000))
        return {};
    return messages.take().value_or("");
  }
  Fd client(int type) {
    Fd fd;
    linux::in_network_namespace(container_, [&] {
      fd = Fd(socket(AF_INET, type | SOCK_CLOEXEC, 0));
      const auto address = socket_address(resolver_address, 53);
      REQUIRE(connect(fd.get(), address.get(), address.size) == 0);
    });
    return fd;
  }
  // What the program was told, a line each time.
  std::string told() { return linux::try_read_file(told_file()).value_or(""); }
  // Waits for a line that begins so.
  bool is_told(const std::string& line) {
    linux::Watch watch;
    REQUIRE(watch.add(directory_.path(), IN_CLOSE_WRITE | IN_MODIFY));
    for (int i = 0; i < 100; ++i) {
      if (("\n" + told()).find("\n" + line + "\n") != std::string::npos) return true;
      if (!watch.wait(5000)) return false;
    }
    return false;
  }
  Server& server() { return server_; }

 private:
  std::string program() const { return directory_ / "update"; }
  std::string told_file() const { return directory_ / "told"; }
  void write_program() const {
    const Fd file = linux::open_file(program(), O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
    linux::write_all(
        file.get(),
        "#!/bin/sh\nfile=$1; shift\n[ \"$1\" = refused.example.org ] && exit 1\necho \"$@\" >> \"$file\"\n");
  }

  test::TemporaryDirectory directory_;
  Fd host_, container_;
  Server server_;
  Fd stop_;
  std::atomic<bool> ready_ = false;
  std::thread thread_;
};

DnsAnswer read(const std::string& message, const std::string& name, DnsType type = DnsType::a) {
  auto asked = *make_question(name, type);
  asked.id = 77;
  const auto answer = parse_answer(message, asked);
  REQUIRE(answer);
  return *answer;
}

std::vector<std::string> texts(const DnsAnswer& answer) {
  std::vector<std::string> list;
  for (const auto& address : answer.addresses) list.push_back(linux::to_text(address));
  return list;
}

#define NEEDS_NAMESPACES() \
  if (!new_namespace()) SKIP_TEST("needs root and network namespaces")

}  // namespace

TEST_CASE("an allowed name is answered once its addresses have been told") {
  NEEDS_NAMESPACES();
  World world({"*.example.org"});
  CHECK(texts(read(world.ask("api.example.org"), "api.example.org")) == std::vector<std::string>{"192.0.2.1"});
  CHECK(world.told() == "api.example.org 192.0.2.1\n");
  CHECK(texts(read(world.ask("API.example.org"), "api.example.org")).size() == 1);
  CHECK(world.told() == "api.example.org 192.0.2.1\n");  // once
  CHECK(texts(read(world.ask("six.example.org", DnsType::aaaa), "six.example.org", DnsType::aaaa)) ==
        std::vector<std::string>{"2001:db8::7"});
  CHECK(world.is_told("six.example.org 2001:db8::7"));
}

TEST_CASE("a name that is not allowed does not exist, and nobody outside hears of it") {
  NEEDS_NAMESPACES();
  World world({"*.example.org", "one.example.net"});
  for (const std::string name : {"example.org", "api.example.com", "two.example.net", "secret.attacker.example"}) {
    CHECK(read(world.ask(name), name).code == DnsCode::no_such_name);
    CHECK(world.server().asked(name) == 0);
  }
}

TEST_CASE("names without a pattern are told before anybody asks") {
  NEEDS_NAMESPACES();
  World world({"api.example.org", "six.example.org"});
  CHECK(world.is_told("api.example.org 192.0.2.1"));
  CHECK(world.is_told("six.example.org 2001:db8::7"));
}

TEST_CASE("an address that could not be told is not given away") {
  NEEDS_NAMESPACES();
  World world({"*.example.org"});
  CHECK(read(world.ask("refused.example.org"), "refused.example.org").code == DnsCode::server_failure);
}

TEST_CASE("other types of allowed names are passed on and teach nothing") {
  NEEDS_NAMESPACES();
  World world({"*.example.org"});
  auto asked = *make_question("api.example.org", DnsType::a);
  asked.section.replace(asked.section.size() - 4, 2, number(16));
  asked.type = 16;
  const auto message = world.ask_bytes(question_message(asked, 77));
  CHECK(message.substr(0, 4) == number(77) + number(0x8180));
  CHECK(world.told().empty());
}

TEST_CASE("forged answers are not looked at; one that says there is no such name is passed on") {
  NEEDS_NAMESPACES();
  World world({"*.example.org"});
  CHECK(texts(read(world.ask("spoofed.example.org"), "spoofed.example.org")) == std::vector<std::string>{"192.0.2.5"});
  CHECK(world.told() == "spoofed.example.org 192.0.2.5\n");
  CHECK(read(world.ask("gone.example.org"), "gone.example.org").code == DnsCode::no_such_name);
}

TEST_CASE("what does not fit into a datagram comes over TCP, on both sides") {
  NEEDS_NAMESPACES();
  World world({"*.example.org"});
  CHECK(read(world.ask("large.example.org"), "large.example.org").truncated);
  CHECK(read(world.ask_by_stream("large.example.org"), "large.example.org").addresses.size() == 60);
}

TEST_CASE("a server that cannot be reached makes room for the next") {
  NEEDS_NAMESPACES();
  World world({"*.example.org"}, {"127.0.0.77", "127.0.0.1"});
  CHECK(texts(read(world.ask("api.example.org"), "api.example.org")).size() == 1);
}

TEST_CASE("hostile questions are dropped and the next is answered") {
  NEEDS_NAMESPACES();
  World world({"*.example.org"});
  const std::string good = World::query("api.example.org", DnsType::a);
  {
    const Fd fd = world.client(SOCK_DGRAM);
    for (std::size_t size = 1; size < good.size(); ++size) REQUIRE(send(fd.get(), good.data(), size, 0) > 0);
    const std::string large(3000, '\xff');
    REQUIRE(send(fd.get(), large.data(), large.size(), 0) > 0);
    const Fd stream = world.client(SOCK_STREAM);
    linux::write_all(stream.get(), "\xff\xff junk");
    char byte = 0;
    REQUIRE(linux::wait_readable(stream.get(), 5000));
    CHECK(recv(stream.get(), &byte, 1, 0) <= 0);
  }
  CHECK(texts(read(world.ask_bytes(good), "api.example.org")).size() == 1);
}
