// A private store and network with one image, "app" (busybox), and compose files to bring up on it.
#pragma once

#include "compose/apply.hpp"
#include "linux/process.hpp"
#include "support/temp.hpp"

#include <string>
#include <vector>

class ComposeRig {
 public:
  ComposeRig();
  ~ComposeRig();

  // False when this machine has no static busybox to make the image of.
  bool add_image();
  void write(const std::string& name, const std::string& text);  // into the project's directory
  std::string directory() const { return home_ / "shop"; }

  conductor::compose::Project load(const std::map<std::string, std::string>& variables = {});
  // What was done, as titles in the plan's order.
  std::vector<std::string> up(const conductor::compose::UpOptions& options = {});
  std::vector<std::string> down(const conductor::compose::DownOptions& options = quick());
  std::string failure();  // of up: what() and hint; "(it did not fail)"
  static conductor::compose::DownOptions quick();

  // The program itself, in the project's directory.
  conductor::linux::Child begin(const std::vector<std::string>& words, int output = -1);
  int run(const std::vector<std::string>& words);

  std::vector<std::string> census() const;
  // The census once it equals `expected`: a link dies a moment after its namespace. After five seconds, what it is
  // then.
  std::vector<std::string> settled_census(const std::vector<std::string>& expected) const;
  std::string state(const std::string& container);  // as compose::state_text, "absent"
  std::string id(const std::string& container);
  conductor::engine::Engine& engine() { return engine_; }

  std::map<std::string, std::string> variables;
  std::vector<std::string> notes;

 private:
  test::TemporaryDirectory home_;
  conductor::store::Locations locations_;
  conductor::engine::Engine engine_;

  conductor::compose::Session session();
};
