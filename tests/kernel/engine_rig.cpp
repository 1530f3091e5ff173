#include "engine_rig.hpp"

#include "base/error.hpp"
#include "linux/fd.hpp"
#include "linux/netlink.hpp"

#include <sched.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <thread>

using namespace conductor;

namespace {

store::Locations private_store(const std::string& home) {
  static const bool own_network = unshare(CLONE_NEWNET) == 0;
  if (!own_network) throw base::Error::from_errno("cannot make a network namespace");
  linux::Netlink netlink;
  netlink.set_link_up(1);
  netlink.send();
  setenv("CONDUCTOR_MONITOR", CONDUCTOR_MONITOR, 1);
  return store::Locations::choose(home + "/store", home + "/state");
}

// Reads what `body` writes to the descriptor it is given.
std::string captured(const std::function<void(int)>& body) {
  auto pipe = linux::make_pipe();
  std::string text;
  std::thread reader([&] { text = linux::read_all(pipe.read.get()); });
  try {
    body(pipe.write.get());
  } catch (...) {
    pipe.write.reset();
    reader.join();
    throw;
  }
  pipe.write.reset();
  reader.join();
  return text;
}

}  // namespace

EngineRig::EngineRig()
    : locations_(private_store(home_.path())), engine_(std::make_unique<engine::Engine>(locations_)) {
  make_image();
}

EngineRig::~EngineRig() {
  for (const auto& observed : engine_->list()) {
    try {
      engine_->remove(observed.container.id, true, true);
    } catch (const std::exception&) {
    }
  }
}

void EngineRig::make_image() {
  image::LayerDraft draft(locations_);
  const auto root = linux::RootFd::open(draft.upper());
  const auto program = linux::read_file("/bin/busybox");
  root.write_file("bin/busybox", program, 0755);
  for (const char* name : {"sh",  "cat", "echo", "printf", "sleep", "true", "id",   "touch", "ls", "grep", "hostname",
                           "pwd", "nc",  "kill", "env",    "mkdir", "test", "head", "tr",    "wc", "ip"})
    root.symlink("busybox", std::string("bin/") + name);
  root.write_file("data/from-image", "made with the image\n");
  layers_ = {engine_->images().commit(std::move(draft))};
  image::Config config;
  config.env = {"ORIGIN=image", "COLOUR=blue"};
  config.cmd = std::vector<std::string>{"echo", "the image's command"};
  add_image("box", config);
}

void EngineRig::add_image(const std::string& name, const image::Config& config) {
  image::Image image;
  image.layers = layers_;
  image.config = config;
  engine_->images().save(image, {image::parse_reference(name)});
}

engine::ContainerConfig EngineRig::config(std::vector<std::string> command) const {
  engine::ContainerConfig config;
  config.image = "box";
  if (!command.empty()) config.command = std::move(command);
  return config;
}

engine::ContainerConfig EngineRig::shell(const std::string& script) const { return config({"sh", "-c", script}); }

engine::Container EngineRig::create(engine::ContainerConfig config) {
  return engine_->create(std::move(config), [](const std::string&) {});
}

Outcome EngineRig::run(const engine::ContainerConfig& config) { return run_to_end(create(config).id); }

Outcome EngineRig::run_to_end(const std::string& id) {
  Outcome outcome;
  outcome.output = captured([&](int output) {
    auto created = engine_->start_attached(id, {-1, output, output});
    outcome.code = created.wait();
  });
  engine_->settle(id);
  return outcome;
}

Outcome EngineRig::exec(const std::string& id, std::vector<std::string> command) {
  // exec gives the command our own streams.
  Outcome outcome;
  const linux::Fd output(dup(STDOUT_FILENO));
  outcome.output = captured([&](int pipe) {
    std::fflush(stdout);
    dup2(pipe, STDOUT_FILENO);
    engine::Engine::ExecOptions options;
    options.command = std::move(command);
    try {
      outcome.code = engine_->exec(id, options).value();
    } catch (...) {
      dup2(output.get(), STDOUT_FILENO);
      throw;
    }
    dup2(output.get(), STDOUT_FILENO);
  });
  return outcome;
}

std::vector<std::string> EngineRig::census_when(const std::vector<std::string>& wanted) const {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  for (;;) {
    auto found = census();
    if (found == wanted || std::chrono::steady_clock::now() > deadline) return found;
  }
}

void in_killed_process(const std::function<void()>& body) {
  const pid_t child = fork();
  if (child < 0) throw base::Error::from_errno("fork");
  if (child == 0) {
    try {
      body();
    } catch (...) {
      _exit(1);
    }
    kill(getpid(), SIGKILL);
    _exit(2);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (!WIFSIGNALED(status)) throw base::Error("the process to be killed has failed before");
}

std::string message_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const base::Error& e) {
    return e.message();
  }
  return "(nothing)";
}
