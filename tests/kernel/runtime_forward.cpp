// Loopback ports served by the monitor. The container shares the host's network here, so that nothing else is needed.
#include "runtime_fixture.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

using namespace test;

namespace {

constexpr const char* loopback = "127.0.0.1";

sockaddr_in address_of(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

struct Bound {
  linux::Fd socket;
  int port = 0;
};
Bound bind_any(int type) {
  Bound bound{linux::Fd(socket(AF_INET, type | SOCK_CLOEXEC, 0))};
  sockaddr_in address = address_of(0);
  socklen_t size = sizeof address;
  REQUIRE(bind(bound.socket.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(getsockname(bound.socket.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  bound.port = ntohs(address.sin_port);
  return bound;
}

linux::Fd connect_to(int port, int type) {
  linux::Fd fd(socket(AF_INET, type | SOCK_CLOEXEC, 0));
  const sockaddr_in address = address_of(port);
  REQUIRE(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  return fd;
}

runtime::Setup on_host_network(Containers& containers, std::vector<std::string> arguments) {
  auto what = containers.setup(std::move(arguments));
  what.launch.network = monitor::NetworkNamespace::host;
  what.launch.sysctls.clear();
  return what;
}

}  // namespace

TEST_CASE("a connection is forwarded both ways, with the end of each") {
  NEEDS_ROOT();
  Containers containers;
  Bound server = bind_any(SOCK_STREAM);
  REQUIRE(listen(server.socket.get(), 8) == 0);
  const Bound published = bind_any(SOCK_STREAM);
  REQUIRE(listen(published.socket.get(), 8) == 0);
  auto created = containers.runtime().create(on_host_network(containers, {"sleep", "1000"}), {});
  created.start({{published.socket.get(), false, loopback, {}, server.port}});
  created.detach();

  // The server's side is played by this test; what matters is what passes through the monitor.
  const auto client = connect_to(published.port, SOCK_STREAM);
  const linux::Fd peer(accept4(server.socket.get(), nullptr, nullptr, SOCK_CLOEXEC));
  REQUIRE(peer);
  const std::string large(3 << 20, 'q');
  const auto writer = linux::clone_child(0, [&] {
    linux::write_all(client.get(), large);
    shutdown(client.get(), SHUT_WR);
    return 0;
  });
  CHECK(linux::read_all(peer.get()) == large);  // to the end that was passed on
  linux::wait_for(writer.pidfd);
  linux::write_all(peer.get(), "answer");  // the other direction is still open
  shutdown(peer.get(), SHUT_WR);
  CHECK(linux::read_all(client.get()) == "answer");
}

TEST_CASE("datagrams find their way there and back to who sent them") {
  NEEDS_ROOT();
  Containers containers;
  const Bound server = bind_any(SOCK_DGRAM);
  const Bound published = bind_any(SOCK_DGRAM);
  auto created = containers.runtime().create(on_host_network(containers, {"sleep", "1000"}), {});
  created.start({{published.socket.get(), true, loopback, {}, server.port}});
  created.detach();
  const linux::Fd clients[] = {connect_to(published.port, SOCK_DGRAM), connect_to(published.port, SOCK_DGRAM)};
  for (const auto& client : clients) {
    const std::string question = "from " + std::to_string(client.get());
    REQUIRE(send(client.get(), question.data(), question.size(), 0) > 0);
    char buffer[64];
    sockaddr_in from{};
    socklen_t size = sizeof from;
    REQUIRE(linux::wait_readable(server.socket.get(), 5000));
    const ssize_t got =
        recvfrom(server.socket.get(), buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&from), &size);
    CHECK(std::string(buffer, static_cast<std::size_t>(got)) == question);
    REQUIRE(sendto(server.socket.get(), buffer, static_cast<std::size_t>(got), 0, reinterpret_cast<sockaddr*>(&from),
                   size) == got);
    REQUIRE(linux::wait_readable(client.get(), 5000));
    CHECK(recv(client.get(), buffer, sizeof buffer, 0) == got);
  }
}

TEST_CASE("a connection that the container refuses ends") {
  NEEDS_ROOT();
  Containers containers;
  const int nobody = bind_any(SOCK_STREAM).port;
  const Bound published = bind_any(SOCK_STREAM);
  REQUIRE(listen(published.socket.get(), 8) == 0);
  auto created = containers.runtime().create(on_host_network(containers, {"sleep", "1000"}), {});
  created.start({{published.socket.get(), false, loopback, {}, nobody}});
  created.detach();
  const auto client = connect_to(published.port, SOCK_STREAM);
  REQUIRE(linux::wait_readable(client.get(), 5000));
  char byte = 0;
  CHECK(recv(client.get(), &byte, 1, 0) <= 0);
}

TEST_CASE("what is refused at one address of the container is tried at the other") {
  NEEDS_ROOT();
  constexpr const char* nobody = "127.0.0.2";
  Containers containers;
  const Bound tcp = bind_any(SOCK_STREAM), udp = bind_any(SOCK_DGRAM);
  const Bound published_tcp = bind_any(SOCK_STREAM), published_udp = bind_any(SOCK_DGRAM);
  REQUIRE(listen(tcp.socket.get(), 8) == 0);
  REQUIRE(listen(published_tcp.socket.get(), 8) == 0);
  auto created = containers.runtime().create(on_host_network(containers, {"sleep", "1000"}), {});
  created.start({{published_tcp.socket.get(), false, nobody, loopback, tcp.port},
                 {published_udp.socket.get(), true, nobody, loopback, udp.port}});
  created.detach();

  const auto client = connect_to(published_tcp.port, SOCK_STREAM);
  linux::write_all(client.get(), "question");
  const linux::Fd peer(accept4(tcp.socket.get(), nullptr, nullptr, SOCK_CLOEXEC));
  REQUIRE(peer);
  char buffer[16];
  CHECK(recv(peer.get(), buffer, sizeof buffer, 0) == 8);

  // A datagram that is refused is lost, as on any network; the next ones arrive.
  const auto sender = connect_to(published_udp.port, SOCK_DGRAM);
  bool arrived = false;
  for (int i = 0; i < 50 && !arrived; ++i) {
    REQUIRE(send(sender.get(), "x", 1, 0) == 1);
    arrived = linux::wait_readable(udp.socket.get(), 100);
  }
  CHECK(arrived);
}

TEST_CASE("a port that is withdrawn is closed, with what came through it; others stay") {
  NEEDS_ROOT();
  Containers containers;
  const Bound server = bind_any(SOCK_STREAM);
  REQUIRE(listen(server.socket.get(), 8) == 0);
  Bound first = bind_any(SOCK_STREAM), second = bind_any(SOCK_STREAM), datagrams = bind_any(SOCK_DGRAM);
  for (const auto* published : {&first, &second}) REQUIRE(listen(published->socket.get(), 8) == 0);
  const auto what = on_host_network(containers, {"sleep", "1000"});
  auto created = containers.runtime().create(what, {});
  created.start({{first.socket.get(), false, loopback, {}, server.port},
                 {second.socket.get(), false, loopback, {}, server.port},
                 {datagrams.socket.get(), true, loopback, {}, server.port}});
  created.detach();
  for (auto* published : {&first, &second, &datagrams}) published->socket.reset();

  const auto open = connect_to(first.port, SOCK_STREAM);
  const linux::Fd peer(accept4(server.socket.get(), nullptr, nullptr, SOCK_CLOEXEC));
  REQUIRE(peer);
  containers.runtime().withdraw(what.id, {{false, loopback, first.port}, {true, loopback, datagrams.port}});
  char byte = 0;
  REQUIRE(linux::wait_readable(open.get(), 5000));
  CHECK(recv(open.get(), &byte, 1, 0) <= 0);
  const sockaddr_in closed = address_of(first.port), free = address_of(datagrams.port);
  const linux::Fd late(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  CHECK(connect(late.get(), reinterpret_cast<const sockaddr*>(&closed), sizeof closed) != 0);
  const linux::Fd again(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  CHECK(bind(again.get(), reinterpret_cast<const sockaddr*>(&free), sizeof free) == 0);
  connect_to(second.port, SOCK_STREAM);
}
