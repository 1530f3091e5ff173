#include "base/error.hpp"
#include "engine/launch.hpp"
#include "support/catch.hpp"

#include <csignal>

using namespace conductor;

namespace {

constexpr linux::CapabilitySet default_set = 0x800405fb;

engine::Container container() {
  engine::Container made;
  made.id = std::string(64, 'c');
  made.image_config.entrypoint = std::vector<std::string>{"/entry"};
  made.image_config.cmd = std::vector<std::string>{"image", "words"};
  made.image_config.env = {"PATH=/image/bin", "COLOUR=blue"};
  return made;
}

using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("arguments: entrypoint and command, each the image's unless given") {
  auto c = container();
  CHECK(engine::arguments_of(c) == Words{"/entry", "image", "words"});
  c.config.command = Words{"mine"};
  CHECK(engine::arguments_of(c) == Words{"/entry", "mine"});
  c.config.command.reset();
  c.config.entrypoint = Words{"/other"};
  CHECK(engine::arguments_of(c) == Words{"/other"});  // the image's command went with its entrypoint
  c.config.command = Words{"mine"};
  CHECK(engine::arguments_of(c) == Words{"/other", "mine"});
  c.config.entrypoint = Words{};
  CHECK(engine::arguments_of(c) == Words{"mine"});
  c.config.command.reset();
  CHECK_THROWS_WITH(engine::arguments_of(c), Contains("no command"));
}

TEST_CASE("environment: ours, the image's, the container's, the call's; the last one counts") {
  auto c = container();
  CHECK(engine::environment_of(c) == Words{"PATH=/image/bin", "HOSTNAME=cccccccccccc", "COLOUR=blue"});
  c.config.environment = {"COLOUR=red", "EMPTY="};
  c.config.terminal = true;
  c.config.hostname = "tower";
  CHECK(engine::environment_of(c, {"COLOUR=green"}) ==
        Words{"PATH=/image/bin", "HOSTNAME=tower", "TERM=xterm", "COLOUR=green", "EMPTY="});
}

TEST_CASE("environment: a name that is the beginning of another is another name") {
  auto c = container();
  c.config.environment = {"COLOURS=many"};
  CHECK(engine::environment_of(c).back() == "COLOURS=many");
  CHECK(engine::environment_of(c)[2] == "COLOUR=blue");
}

TEST_CASE("capabilities: the default, more, less, all, none") {
  engine::ContainerConfig config;
  const auto bit = [](const char* name) { return *linux::parse_capability(name); };
  CHECK(engine::capabilities_of(config) == default_set);
  config.cap_add = {"NET_ADMIN"};
  config.cap_drop = {"cap_chown"};
  CHECK(engine::capabilities_of(config) == ((default_set | bit("NET_ADMIN")) & ~bit("CHOWN")));
  config.cap_add = {"ALL"};
  CHECK(engine::capabilities_of(config) == (linux::all_capabilities() & ~bit("CHOWN")));
  config.cap_add = {"KILL"};
  config.cap_drop = {"all"};
  CHECK(engine::capabilities_of(config) == bit("KILL"));
  config.cap_add = {};
  CHECK(engine::capabilities_of(config) == 0);
  config.privileged = true;
  CHECK(engine::capabilities_of(config) == 0);
  config.cap_drop = {};
  CHECK(engine::capabilities_of(config) == linux::all_capabilities());
  config.privileged = false;
  config.cap_add = {"NET_ADMINN"};
  CHECK_THROWS_WITH(engine::capabilities_of(config), Contains("did you mean 'CAP_NET_ADMIN'"));
}

TEST_CASE("stop signal: the container's, else the image's, else TERM") {
  auto c = container();
  CHECK(engine::stop_signal_of(c) == SIGTERM);
  c.image_config.stop_signal = "SIGQUIT";
  CHECK(engine::stop_signal_of(c) == SIGQUIT);
  c.config.stop_signal = "USR1";
  CHECK(engine::stop_signal_of(c) == SIGUSR1);
  c.config.stop_signal = "NOSUCH";
  CHECK_THROWS(engine::stop_signal_of(c));
}

TEST_CASE("a health check in shell form runs in the image's shell") {
  auto c = container();
  c.config.healthcheck.test = {"CMD-SHELL", "curl x || exit 1"};
  CHECK(engine::healthcheck_of(c).test == Words{"CMD-SHELL", "curl x || exit 1"});  // the monitor's: /bin/sh -c
  c.image_config.shell = {"/bin/bash", "-ec"};
  CHECK(engine::healthcheck_of(c).test == Words{"CMD", "/bin/bash", "-ec", "curl x || exit 1"});
  for (const auto& test : {Words{"CMD", "a"}, Words{"NONE"}, Words{}}) {
    c.config.healthcheck.test = test;
    CHECK(engine::healthcheck_of(c).test == test);
  }
}
