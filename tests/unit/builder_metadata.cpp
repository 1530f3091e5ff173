// Words of metadata instructions as values of the configuration, and the history they leave.
#include "base/error.hpp"
#include "builder/history.hpp"
#include "builder/metadata.hpp"
#include "support/catch.hpp"

using namespace conductor;
using namespace conductor::builder;
using Words = std::vector<std::string>;

namespace {

image::Healthcheck healthcheck(const std::string& line) {
  const auto parsed = parser::parse_conductorfile("FROM x\nHEALTHCHECK " + line + "\n", "Conductorfile");
  const auto& instruction = parsed.instructions.back();
  return healthcheck_of(std::get<parser::Healthcheck>(instruction.statement), instruction.flags);
}

std::string history(const std::string& line, const Words& shell = {}) {
  const auto parsed = parser::parse_conductorfile("FROM x\n" + line + "\n", "Conductorfile");
  image::Config config;
  config.shell = shell;
  return created_by(parsed.instructions.back(), config);
}

}  // namespace

TEST_CASE("ports are single ones with a protocol") {
  CHECK(exposed_ports("80") == Words{"80/tcp"});
  CHECK(exposed_ports("80/UDP") == Words{"80/udp"});
  CHECK(exposed_ports("80/") == Words{"80/tcp"});
  CHECK(exposed_ports("80/sctp") == Words{"80/sctp"});
  CHECK(exposed_ports("8000-8002/tcp") == Words{"8000/tcp", "8001/tcp", "8002/tcp"});
  CHECK(exposed_ports("127.0.0.1:8080:80/udp") == Words{"80/udp"});
  CHECK(exposed_ports("8080:80") == Words{"80/tcp"});
  for (const char* wrong : {"", "x", "0", "65536", "2-1", "1-2-3", "80/icmp", "-1", "80:", "/tcp", "8 0"}) {
    INFO(wrong);
    CHECK_THROWS_WITH(exposed_ports(wrong), Contains("is not a port"));
  }
}

TEST_CASE("a stop signal is a name or a number, kept as written") {
  for (const char* signal : {"SIGTERM", "term", "9", "SIGRTMIN+3"}) CHECK(checked_signal(signal) == signal);
  for (const char* wrong : {"", "SIGFOO", "0", "65", "-9", "TERM KILL"})
    CHECK_THROWS_WITH(checked_signal(wrong), Contains("is not a signal"));
}

TEST_CASE("a health check and its times") {
  const auto check =
      healthcheck("--interval=5m --timeout=3s --start-period=1s --start-interval=500ms --retries=4 CMD a b");
  CHECK(check.test == Words{"CMD-SHELL", "a b"});
  CHECK(check.interval == 300'000'000'000);
  CHECK(check.timeout == 3'000'000'000);
  CHECK(check.start_period == 1'000'000'000);
  CHECK(check.start_interval == 500'000'000);
  CHECK(check.retries == 4);
  CHECK(healthcheck("CMD [\"a\", \"b c\"]").test == Words{"CMD", "a", "b c"});
  CHECK(healthcheck("NONE").test == Words{"NONE"});
  CHECK(healthcheck("--interval=0s --retries=0 CMD a") == healthcheck("CMD a"));
}

TEST_CASE("a health check whose times cannot be") {
  for (const char* wrong : {"--interval=1us CMD a", "--timeout=soon CMD a", "--retries=-1 CMD a", "--retries=x CMD a",
                            "--start-period=-1s CMD a", "--interval=1s NONE"}) {
    INFO(wrong);
    CHECK_THROWS_AS(healthcheck(wrong), base::Error);
  }
}

TEST_CASE("history has the shell of shell forms and the words of lists") {
  CHECK(history("RUN make all") == "RUN /bin/sh -c make all");
  CHECK(history("RUN make", {"/bin/bash", "-c"}) == "RUN /bin/bash -c make");
  CHECK(history("RUN [\"make\", \"all\"]") == "RUN make all");
  CHECK(history("RUN --mount=type=secret,id=key,env=KEY make") == "RUN /bin/sh -c make");
  CHECK(history("CMD serve \"x\"") == "CMD [\"/bin/sh\" \"-c\" \"serve \\\"x\\\"\"]");
  CHECK(history("ENTRYPOINT [\"a\", \"b\"]") == "ENTRYPOINT [\"a\" \"b\"]");
  CHECK(history("ENV A=b") == "ENV A=b");
  CHECK(history("COPY <<EOF /f\nsecret text\nEOF") == "COPY <<EOF /f");
}

TEST_CASE("layers without a history get one") {
  image::Image base;
  base.layers = {"a", "b"};
  base.history = {{0, "ADD x", "", false}, {0, "ENV y", "", true}};
  const auto whole = complete_history(base, "name");
  REQUIRE(whole.size() == 3);
  CHECK(whole.back().created_by == "FROM name");
  CHECK_FALSE(whole.back().empty_layer);
}
