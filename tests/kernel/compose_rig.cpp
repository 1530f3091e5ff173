#include "compose_rig.hpp"

#include "base/error.hpp"
#include "builder/builder.hpp"
#include "linux/netlink.hpp"
#include "store/records.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>

using namespace conductor;

namespace {

store::Locations private_store(const std::string& home) {
  static const bool own_network = unshare(CLONE_NEWNET) == 0;
  if (!own_network) throw base::Error::from_errno("cannot make a network namespace");
  linux::Netlink netlink;
  if (const auto loopback = netlink.link("lo")) netlink.set_link_up(loopback->index);
  netlink.send();
  setenv("CONDUCTOR_MONITOR", CONDUCTOR_MONITOR, 1);
  setenv("CONDUCTOR_PROGRAM", CONDUCTOR_PROGRAM, 1);
  const auto locations = store::Locations::choose(home + "/store", home + "/state");
  locations.prepare();
  return locations;
}

std::vector<std::string> titles(const compose::Plan& plan) {
  std::vector<std::string> result;
  for (const auto& step : plan.steps) result.push_back(title(step.operation));
  return result;
}

}  // namespace

ComposeRig::ComposeRig() : locations_(private_store(home_.path())), engine_(locations_) {
  store::make_directory(directory());
}

ComposeRig::~ComposeRig() {
  for (const auto& observed : engine_.list()) try {
      engine_.remove(observed.container.id, true, true);
    } catch (const std::exception&) {
      // The test has failed already; the census of the next one shows what is left.
    }
}

bool ComposeRig::add_image() {
  const auto busybox = linux::try_read_file("/bin/busybox");
  if (!busybox) return false;
  linux::RootFd::open(home_.path()).make_directories("context");
  const auto context = linux::RootFd::open(home_ / "context");
  context.write_file("bin/busybox", *busybox, 0755);
  for (const char* name : {"sh", "cat", "echo", "sleep", "true", "false", "test", "nc"})
    context.symlink("busybox", std::string("bin/") + name);
  context.write_file("Conductorfile", "FROM scratch\nCOPY bin /bin\nCMD [\"sleep\", \"1000\"]\n");
  builder::BuildOptions options;
  options.context = home_ / "context";
  options.tags = {"app"};
  builder::build(engine_, options, [](const builder::Event&) {});
  return true;
}

void ComposeRig::write(const std::string& name, const std::string& text) {
  store::write_file_atomically(directory() + "/" + name, text, false);
}

compose::Project ComposeRig::load(const std::map<std::string, std::string>& environment) {
  compose::LoadOptions options;
  options.current_directory = directory();
  options.environment = environment.empty() ? variables : environment;
  return compose::load(options);
}

compose::Session ComposeRig::session() {
  return {engine_, {}, [this](const std::string& note) { notes.push_back(note); }, {}};
}

std::vector<std::string> ComposeRig::up(const compose::UpOptions& options) {
  return titles(compose::up(session(), load(), options));
}

std::vector<std::string> ComposeRig::down(const compose::DownOptions& options) {
  return titles(compose::down(session(), "shop", nullptr, options));
}

compose::DownOptions ComposeRig::quick() {
  compose::DownOptions options;
  options.grace = std::chrono::nanoseconds(0);
  return options;
}

std::string ComposeRig::failure() {
  try {
    up();
  } catch (const base::Error& e) {
    return e.what() + (e.hint().empty() ? "" : "\n" + e.hint());
  }
  return "(it did not fail)";
}

linux::Child ComposeRig::begin(const std::vector<std::string>& words, int output) {
  const linux::Fd null = linux::open_file("/dev/null", O_RDWR);
  linux::SpawnOptions options;
  options.program = CONDUCTOR_PROGRAM;
  options.arguments = {"conductor", "--root", locations_.root, "--state", locations_.state,
                       "compose",   "-p",     "shop",          "-f",      directory() + "/conductor.yaml"};
  options.arguments.insert(options.arguments.end(), words.begin(), words.end());
  options.environment = {"PATH=/usr/bin:/bin", std::string("CONDUCTOR_MONITOR=") + CONDUCTOR_MONITOR};
  const int out = output < 0 ? null.get() : output;
  options.descriptors = {null.get(), out, out};
  return linux::spawn(options);
}

int ComposeRig::run(const std::vector<std::string>& words) { return linux::wait_for(begin(words).pidfd).shell_code(); }

std::vector<std::string> ComposeRig::census() const { return engine::census(locations_); }

std::vector<std::string> ComposeRig::settled_census(const std::vector<std::string>& expected) const {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  auto found = census();
  for (; found != expected && std::chrono::steady_clock::now() < deadline; found = census()) poll(nullptr, 0, 10);
  return found;
}

std::string ComposeRig::state(const std::string& container) {
  const auto found = engine_.try_find(container);
  return found ? compose::state_text(engine_.observe(*found).status) : "absent";
}

std::string ComposeRig::id(const std::string& container) {
  const auto found = engine_.try_find(container);
  return found ? found->id : "absent";
}
