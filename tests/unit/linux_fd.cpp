// Descriptors, files, messages.
#include "base/error.hpp"
#include "linux/events.hpp"
#include "linux/fd.hpp"
#include "support/catch.hpp"
#include "support/temp.hpp"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

using namespace conductor;
using linux::Fd;

TEST_CASE("an Fd closes what it owns, and moving hands it over") {
  linux::Pipe pipe = linux::make_pipe();
  const int number = pipe.write.get();
  Fd moved = std::move(pipe.write);
  CHECK(fcntl(number, F_GETFD) == FD_CLOEXEC);
  const Fd copy = moved.duplicate();
  CHECK(fcntl(copy.get(), F_GETFD) == FD_CLOEXEC);
  moved = Fd();
  CHECK(fcntl(number, F_GETFD) == -1);
}

TEST_CASE("closing keeps errno") {
  Fd bad(99999);
  errno = ENOSPC;
  bad.reset();
  CHECK(errno == ENOSPC);
}

TEST_CASE("files are read whole, up to a limit") {
  const test::TemporaryDirectory place;
  const std::string text(100'000, 'x');
  linux::write_all(linux::open_file(place / "file", O_WRONLY | O_CREAT, 0600).get(), text);
  CHECK(linux::read_file(place / "file") == text);
  CHECK(linux::read_file(place / "file", text.size()) == text);
  CHECK_THROWS_AS(linux::read_file(place / "file", text.size() - 1), base::Error);
  CHECK(linux::try_read_file(place / "absent") == std::nullopt);
  CHECK(linux::try_read_file(place / "file/below") == std::nullopt);
  CHECK_THROWS_WITH(linux::read_file(place / "absent"), Contains("absent: No such file"));
}

TEST_CASE("a file in memory cannot be changed") {
  const Fd file = linux::make_memory_file("test", "content");
  CHECK(linux::read_all(file.get()) == "content");
  CHECK(pwrite(file.get(), "x", 1, 0) == -1);
  CHECK(ftruncate(file.get(), 0) == -1);
}

TEST_CASE("messages carry bytes and descriptors") {
  auto [here, there] = linux::make_socket_pair();
  const linux::Pipe pipe = linux::make_pipe();
  linux::send_message(here.get(), "hello", {pipe.read.get(), pipe.write.get()});
  linux::send_message(here.get(), std::string(65536, 'y'));
  const auto first = linux::receive_message(there.get());
  REQUIRE(first.has_value());
  CHECK(first->bytes == "hello");
  REQUIRE(first->descriptors.size() == 2);
  CHECK(fcntl(first->descriptors[0].get(), F_GETFD) == FD_CLOEXEC);
  linux::write_all(first->descriptors[1].get(), "through");
  char text[8] = {};
  CHECK(read(pipe.read.get(), text, 7) == 7);
  CHECK(linux::receive_message(there.get())->bytes.size() == 65536);
  CHECK_THROWS_AS(linux::send_message(here.get(), std::string(65537, 'z')), base::Error);
  CHECK_THROWS_AS(linux::send_message(here.get(), ""), base::Error);
  here.reset();
  CHECK_FALSE(linux::receive_message(there.get()).has_value());
}

TEST_CASE("sockets have names of any length and are ours alone") {
  const test::TemporaryDirectory place;
  const std::string directory = place / (GENERATE(false, true) ? std::string(150, 'd') : "d");
  REQUIRE(mkdir(directory.c_str(), 0700) == 0);
  const std::string path = directory + "/socket";
  CHECK_FALSE(linux::connect_unix(path).has_value());
  CHECK_FALSE(linux::connect_unix(directory + "/absent/socket").has_value());
  Fd listener = linux::listen_unix(path);
  struct stat found{};
  REQUIRE(stat(path.c_str(), &found) == 0);
  CHECK((found.st_mode & 0777U) == 0600U);
  auto client = linux::connect_unix(path);
  REQUIRE(client.has_value());
  linux::send_message(client->get(), "hello");
  const Fd server(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  CHECK(linux::receive_message(server.get())->bytes == "hello");
  listener.reset();
  CHECK_FALSE(linux::connect_unix(path).has_value());
}

TEST_CASE("timers and watches are descriptors to wait for") {
  const Fd timer = linux::make_timer();
  CHECK_FALSE(linux::wait_readable(timer.get(), 0));
  linux::arm_timer(timer, std::chrono::milliseconds(1));
  CHECK(linux::wait_readable(timer.get(), 10000));
  linux::clear_timer(timer);
  CHECK_FALSE(linux::wait_readable(timer.get(), 0));

  const test::TemporaryDirectory place;
  linux::Watch watch;
  CHECK_FALSE(watch.add(place / "absent", IN_CREATE));
  REQUIRE(watch.add(place.path(), IN_CREATE));
  CHECK_FALSE(watch.wait(0));
  REQUIRE(mkdir((place / "new").c_str(), 0700) == 0);
  CHECK(watch.wait(10000));
  CHECK_FALSE(watch.wait(0));
}
