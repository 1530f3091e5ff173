// THE table of commands. A command is one function in a file cmd_NAME.cpp and one row in commands.cpp; help, "unknown
// command" and look-up derive from the table.
//
//   int stop(Invocation& call) {
//     std::vector<std::string> names;
//     call.options().words("CONTAINER", names, 1);   // declare
//     call.parse();                                  // from here on the variables hold what the user said
//     for (const auto& name : names) …               // act
//     return 0;                                      // the program's exit code
//   }
#pragma once

#include "cli/options.hpp"
#include "engine/engine.hpp"
#include "store/locations.hpp"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace conductor::cli {

// One call of the program: the words the user typed, and the engine they act on.
class Invocation {
 public:
  struct Words {
    std::string command;  // "stop", "compose up"
    std::string summary;
    std::vector<std::string> family;     // between the two words of a family: `compose -f FILE up` → -f FILE
    std::vector<std::string> arguments;  // after the command
  };
  Invocation(Words words, store::Locations locations);

  Options& options() { return options_; }
  // What may stand between the two words of the command's name. Declare before parse.
  Options& family() { return family_; }
  void parse();
  // The words after the command as typed, for the older forms.
  const std::vector<std::string>& arguments() const { return words_.arguments; }

  const store::Locations& locations() const { return locations_; }
  // For a command that only looks.
  engine::Engine& engine();
  // For a command that looks at containers: what somebody has removed of the network is back before it tells of them.
  engine::Engine& watchful_engine();
  // For a command that changes something: what killed commands left is finished first.
  engine::Engine& recovered_engine();

 private:
  Words words_;
  store::Locations locations_;
  Options options_;
  Options family_;
  std::unique_ptr<engine::Engine> engine_;
  bool recovered_ = false;
};

struct Command {
  std::string_view name;     // one word, or two of a family: "volume create"
  std::string_view group;    // heading in the help; empty: hidden
  std::string_view summary;  // one line
  int (*run)(Invocation&);
};
std::span<const Command> commands();

// First words that have commands of their own.
struct Family {
  std::string_view name;
  std::string_view summary;
  // Options with a value that may stand before the second word, separated by blanks.
  std::string_view options_with_value;
  // The help's lines about all options that may stand there; null: there are none.
  std::string (*option_lines)();
};
std::span<const Family> families();

// Finds the command in the words after the program's own options. Throws Error with what was probably meant.
struct Found {
  const Command* command = nullptr;
  std::vector<std::string> family;
  std::vector<std::string> arguments;
};
Found find_command(const std::vector<std::string>& words);
std::string overview();                            // `help`
std::string overview_of(std::string_view family);  // `volume --help`

// --- the commands, by file
// ----------------------------------------------------------------------------------------------

int build(Invocation&);   // cmd_build.cpp
int create(Invocation&);  // cmd_run.cpp
int run(Invocation&);
int start(Invocation&);  // cmd_start.cpp
int stop(Invocation&);   // cmd_stop.cpp
int restart(Invocation&);
int kill(Invocation&);
int remove(Invocation&);
int wait(Invocation&);    // cmd_wait.cpp
int attach(Invocation&);  // cmd_attach.cpp
int pause(Invocation&);   // cmd_pause.cpp
int unpause(Invocation&);
int container_prune(Invocation&);  // cmd_container_prune.cpp
int exec(Invocation&);             // cmd_exec.cpp
int logs(Invocation&);             // cmd_logs.cpp
int events(Invocation&);           // cmd_events.cpp
int ps(Invocation&);               // cmd_ps.cpp
int port(Invocation&);
int commit(Invocation&);  // cmd_commit.cpp
int diff(Invocation&);
int copy(Invocation&);  // cmd_cp.cpp
int export_container(Invocation&);
int inspect(Invocation&);  // cmd_inspect.cpp
int rename(Invocation&);
int stats(Invocation&);   // cmd_stats.cpp
int top(Invocation&);     // cmd_top.cpp
int update(Invocation&);  // cmd_update.cpp
int images(Invocation&);  // cmd_images.cpp
int history(Invocation&);
int tag(Invocation&);
int remove_image(Invocation&);
int remove_cache(Invocation&);
int volume_create(Invocation&);  // cmd_volume.cpp
int volume_list(Invocation&);
int volume_inspect(Invocation&);
int volume_remove(Invocation&);
int volume_prune(Invocation&);
int network_create(Invocation&);  // cmd_network.cpp
int network_remove(Invocation&);
int network_prune(Invocation&);
int network_connect(Invocation&);
int network_disconnect(Invocation&);
int network_verify(Invocation&);  // cmd_network_verify.cpp
int network_repair(Invocation&);
int resolved(Invocation&);
int network_list(Invocation&);  // cmd_network_list.cpp
int network_inspect(Invocation&);
int add_network(Invocation&);  // cmd_peer.cpp
int peer(Invocation&);
int system_census(Invocation&);  // cmd_system.cpp
int system_seccomp(Invocation&);
int system_recover(Invocation&);
int system_df(Invocation&);  // cmd_system_disk.cpp
int system_prune(Invocation&);
int boot(Invocation&);  // cmd_system.cpp
int settle(Invocation&);
int version(Invocation&);
int help(Invocation&);
std::string project_option_lines();  // cmd_compose_common.cpp: of the family `compose`
int compose_up(Invocation&);         // cmd_compose.cpp
int compose_down(Invocation&);
int compose_plan(Invocation&);
int compose_build(Invocation&);
int compose_start(Invocation&);  // cmd_compose_services.cpp
int compose_stop(Invocation&);
int compose_restart(Invocation&);
int compose_pause(Invocation&);
int compose_unpause(Invocation&);
int compose_kill(Invocation&);
int compose_ps(Invocation&);
int compose_exec(Invocation&);
int compose_logs(Invocation&);  // cmd_compose_view.cpp
int compose_config(Invocation&);
int compose_verify(Invocation&);  // cmd_compose_reach.cpp
int compose_graph(Invocation&);
int compose_why(Invocation&);
int compose_tighten(Invocation&);

}  // namespace conductor::cli
