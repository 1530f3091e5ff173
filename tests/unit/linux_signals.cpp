#include "linux/process.hpp"
#include "support/catch.hpp"

#include <csignal>

using namespace conductor;

TEST_CASE("signals are named as people name them") {
  CHECK(linux::parse_signal("TERM") == SIGTERM);
  CHECK(linux::parse_signal("SIGTERM") == SIGTERM);
  CHECK(linux::parse_signal("sigterm") == SIGTERM);
  CHECK(linux::parse_signal("15") == SIGTERM);
  CHECK(linux::parse_signal("CLD") == SIGCHLD);
  CHECK(linux::parse_signal("RTMIN") == SIGRTMIN);
  CHECK(linux::parse_signal("SIGRTMIN+3") == SIGRTMIN + 3);
  CHECK(linux::parse_signal("RTMAX-1") == SIGRTMAX - 1);
  for (const char* wrong : {"", "0", "65", "-9", "SIG", "TERMINATE", "RTMIN-1", "RTMIN+", "RTMIN+99", "RTMAX+1", "+9"})
    CHECK_FALSE(linux::parse_signal(wrong).has_value());
}

TEST_CASE("every signal's name is read back as that signal") {
  CHECK(linux::signal_name(SIGKILL) == "SIGKILL");
  for (int signal = 1; signal <= 64; ++signal) CHECK(linux::parse_signal(linux::signal_name(signal)) == signal);
}
