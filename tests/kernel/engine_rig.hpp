// A private store with an image of busybox, and an engine on it. Everything happens in a network namespace of this
// process.
#pragma once

#include "engine/engine.hpp"
#include "support/catch.hpp"
#include "support/temp.hpp"

#include <unistd.h>

#include <functional>
#include <string>
#include <vector>

#define NEEDS_MACHINE()                        \
  if (geteuid() != 0) SKIP_TEST("needs root"); \
  if (access("/bin/busybox", X_OK) != 0) SKIP_TEST("needs /bin/busybox")

struct Outcome {
  int code = 0;
  std::string output;  // standard output and error, as they came
};

class EngineRig {
 public:
  EngineRig();
  ~EngineRig();  // removes every container
  EngineRig(const EngineRig&) = delete;
  EngineRig& operator=(const EngineRig&) = delete;

  const conductor::store::Locations& locations() const { return locations_; }
  conductor::engine::Engine& engine() { return *engine_; }

  // An image of the same files as "box".
  void add_image(const std::string& name, const conductor::image::Config& config);
  // Of the image "box", with that command.
  conductor::engine::ContainerConfig config(std::vector<std::string> command) const;
  conductor::engine::ContainerConfig shell(const std::string& script) const;
  conductor::engine::Container create(conductor::engine::ContainerConfig config);
  // Created, started, waited for and settled.
  Outcome run(const conductor::engine::ContainerConfig& config);
  Outcome run_to_end(const std::string& id);
  Outcome exec(const std::string& id, std::vector<std::string> command);
  std::vector<std::string> census() const { return conductor::engine::census(locations_); }
  // The census once it is as wanted, or after five seconds: the kernel takes network namespaces apart in its own time.
  std::vector<std::string> census_when(const std::vector<std::string>& wanted) const;

 private:
  test::TemporaryDirectory home_;
  conductor::store::Locations locations_;
  std::unique_ptr<conductor::engine::Engine> engine_;

  void make_image();
  std::vector<std::string> layers_;
};

// Runs `body` in a child process that SIGKILL ends as soon as `body` has returned: nothing of it is tidied.
void in_killed_process(const std::function<void()>& body);
// The message of what `body` throws; "(nothing)" when it does not.
std::string message_of(const std::function<void()>& body);
