// system census, seccomp and recover, boot, settle, version and help.
#include "base/error.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "linux/seccomp_profile.hpp"

namespace conductor::cli {

int system_census(Invocation& call) {
  bool all = false;
  std::string format = "text";
  call.options().flag("-a,--all", all, "images, layers and the build cache as well");
  call.options().option("--format", format, "text or json", "FORMAT");
  call.parse();
  if (format != "text" && format != "json")
    throw base::Error("option --format takes text or json").with_exit_code(base::exit_usage);
  const auto lines = engine::census(call.locations(), all);
  if (format == "json") {
    base::Json list = base::Json::array();
    for (const auto& line : lines) {
      const auto blank = line.find(' ');
      list.add(base::Json::object().set("kind", line.substr(0, blank)).set("name", line.substr(blank + 1)));
    }
    print_line(list.dump());
    return 0;
  }
  std::string text;
  for (const auto& line : lines) text += line + "\n";
  print(text);
  return 0;
}

int system_seccomp(Invocation& call) {
  call.parse();
  print(std::string(linux::default_seccomp_profile()));
  return 0;
}

int system_recover(Invocation& call) {
  call.parse();
  call.recovered_engine();
  return 0;
}

int boot(Invocation& call) {
  bool down = false;
  call.options().flag("--down", down, "stop all containers before the machine goes down; boot brings them back");
  call.parse();
  engine::Engine& engine = call.recovered_engine();
  return (down ? engine.shut_down() : engine.boot()) ? 0 : 1;
}

int settle(Invocation& call) {
  std::string id;
  call.options().word("ID", id);
  call.parse();
  call.engine().settle(id);
  return 0;
}

int version(Invocation& call) {
  std::string format;
  call.options().option("-f,--format", format, "json or a template", "FORMAT");
  call.parse();
  base::Json json = base::Json::object();
  json.set("Version", CONDUCTOR_VERSION);
  if (format == "json")
    print_line(json.dump());
  else if (!format.empty())
    print_line(expand_template(format, json));
  else
    print_line("conductor version " CONDUCTOR_VERSION);
  return 0;
}

int help(Invocation& call) {
  const auto& words = call.arguments();
  if (words.empty() || words.front().starts_with('-')) throw HelpWanted{overview()};
  for (const auto& family : families())
    if (family.name == words.front() && words.size() == 1) throw HelpWanted{overview_of(family.name)};
  const auto found = find_command(words);
  Invocation asked({std::string(found.command->name), std::string(found.command->summary), {}, {"--help"}},
                   call.locations());
  return found.command->run(asked);
}

}  // namespace conductor::cli
