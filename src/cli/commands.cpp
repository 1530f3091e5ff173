#include "cli/commands.hpp"

#include "base/error.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <array>

namespace conductor::cli {

namespace {

constexpr std::string_view containers = "Containers";
constexpr std::string_view images_group = "Images";
constexpr std::string_view network_group = "Network";
constexpr std::string_view volumes = "Volumes";
constexpr std::string_view services = "Services";
constexpr std::string_view machine = "This machine";
constexpr std::string_view hidden;

constexpr std::array table = {
    Command{"run", containers, "Make a container of an image and start it", run},
    Command{"create", containers, "Make a container without starting it", create},
    Command{"start", containers, "Start containers that are stopped", start},
    Command{"stop", containers, "Stop running containers", stop},
    Command{"restart", containers, "Stop containers and start them again", restart},
    Command{"kill", containers, "Send a signal to running containers", kill},
    Command{"pause", containers, "Let containers stand still", pause},
    Command{"unpause", containers, "Let paused containers go on", unpause},
    Command{"rm", containers, "Remove containers", remove},
    Command{"exec", containers, "Run a command in a running container", exec},
    Command{"attach", containers, "Stay with a running container: its output, its input", attach},
    Command{"logs", containers, "Show what a container has written", logs},
    Command{"events", machine, "Show what happens to containers, images, volumes and networks", events},
    Command{"ps", containers, "List containers", ps},
    Command{"wait", containers, "Wait until containers have ended and print their exit codes", wait},
    Command{"inspect", containers, "Show everything about containers, images or networks", inspect},
    Command{"cp", containers, "Copy files between a container and this machine", copy},
    Command{"diff", containers, "List what a container has changed of its image", diff},
    Command{"commit", containers, "Make an image of what a container has changed", commit},
    Command{"export", containers, "Write a container's file system as a tar archive", export_container},
    Command{"port", containers, "List the published ports of a container", port},
    Command{"rename", containers, "Give a container another name", rename},
    Command{"stats", containers, "Show what containers use at present", stats},
    Command{"top", containers, "Show the processes of a container", top},
    Command{"update", containers, "Change the limits of containers, running or not", update},
    Command{"container prune", containers, "Remove all containers that do not run", container_prune},

    Command{"build", images_group, "Build an image from a Conductorfile", build},
    Command{"images", images_group, "List images", images},
    Command{"history", images_group, "Show how an image was made", history},
    Command{"tag", images_group, "Give an image a further name", tag},
    Command{"rmi", images_group, "Remove images", remove_image},
    Command{"rmcache", images_group, "Remove layers and bases that no image needs", remove_cache},

    Command{"compose up", services, "Make the machine match the compose file", compose_up},
    Command{"compose down", services, "Stop and remove the project's containers", compose_down},
    Command{"compose plan", services, "Show what up would change, and why (exit code 2: there is something)",
            compose_plan},
    Command{"compose ps", services, "List the project's containers", compose_ps},
    Command{"compose logs", services, "Show what the services have written", compose_logs},
    Command{"compose exec", services, "Run a command in a service's container", compose_exec},
    Command{"compose build", services, "Build the services' images", compose_build},
    Command{"compose start", services, "Start services that are stopped", compose_start},
    Command{"compose stop", services, "Stop services", compose_stop},
    Command{"compose pause", services, "Let services stand still", compose_pause},
    Command{"compose unpause", services, "Let paused services go on", compose_unpause},
    Command{"compose kill", services, "Send a signal to services", compose_kill},
    Command{"compose restart", services, "Stop services and start them again", compose_restart},
    Command{"compose graph", services, "Draw who may talk to whom", compose_graph},
    Command{"compose why", services, "Say which line allows a connection, or why it is not allowed", compose_why},
    Command{"compose verify", services, "Compare the kernel with the file (exit code 2: it differs)", compose_verify},
    Command{"compose tighten", services, "Propose the smallest peers, as a patch of the file", compose_tighten},
    Command{"compose config", services, "Check the file and show it with everything resolved", compose_config},

    Command{"network create", network_group, "Make a network whose containers reach each other", network_create},
    Command{"network ls", network_group, "List networks, and the ranges of this machine", network_list},
    Command{"network inspect", network_group, "Show everything about networks", network_inspect},
    Command{"network connect", network_group, "Take a container into a network", network_connect},
    Command{"network disconnect", network_group, "Take a container out of a network", network_disconnect},
    Command{"network rm", network_group, "Remove networks", network_remove},
    Command{"network prune", network_group, "Remove networks without containers", network_prune},
    Command{"network verify", network_group, "Compare the kernel with what is declared (exit code 2: it differs)",
            network_verify},
    Command{"network repair", network_group, "Make the kernel match what is declared again", network_repair},
    Command{"peer", network_group, "Let containers open connections to each other", peer},
    Command{"addnetwork", network_group, "Give a container internet and published ports", add_network},

    Command{"volume create", volumes, "Make a volume", volume_create},
    Command{"volume ls", volumes, "List volumes", volume_list},
    Command{"volume inspect", volumes, "Show everything about volumes", volume_inspect},
    Command{"volume rm", volumes, "Remove volumes", volume_remove},
    Command{"volume prune", volumes, "Remove volumes that no container uses", volume_prune},

    Command{"system seccomp", machine, "Print the system call profile that containers have by default", system_seccomp},
    Command{"system census", machine, "List every kernel and disk object that is ours", system_census},
    Command{"system df", machine, "Show what images, containers, volumes and the build cache take", system_df},
    Command{"system prune", machine, "Remove the build cache and images without a name", system_prune},
    Command{"boot", machine, "Start what ran before the machine was started again", boot},
    Command{"system recover", hidden, "Finish what killed commands left", system_recover},
    Command{"version", machine, "Show the version", version},
    Command{"help", machine, "Show the commands, or how one is used", help},
    Command{"resolved", hidden, "Say what a name in a container's internet list stands for", resolved},
    Command{"settle", hidden, "Clean up after a container that has ended", settle},
};

constexpr std::array family_table = {
    Family{"compose", "Run the services of a compose file",
           "-f --file -p --project-name --project-directory --env-file --profile", project_option_lines},
    Family{"network", "Networks of containers, and whether the kernel does what is declared", "", nullptr},
    Family{"volume", "Keep data that outlives containers", "", nullptr},
    Family{"system", "Look at what is ours on this machine", "", nullptr},
};

// docker's longer words for the same commands.
constexpr std::array<std::pair<std::string_view, std::string_view>, 39> synonyms = {{
    {"container run", "run"},
    {"container ls", "ps"},
    {"container rm", "rm"},
    {"container stop", "stop"},
    {"container start", "start"},
    {"container logs", "logs"},
    {"system events", "events"},
    {"container exec", "exec"},
    {"container inspect", "inspect"},
    {"container commit", "commit"},
    {"container cp", "cp"},
    {"container diff", "diff"},
    {"container export", "export"},
    {"container port", "port"},
    {"container create", "create"},
    {"container attach", "attach"},
    {"container pause", "pause"},
    {"container unpause", "unpause"},
    {"container kill", "kill"},
    {"container restart", "restart"},
    {"container rename", "rename"},
    {"container wait", "wait"},
    {"container ps", "ps"},
    {"container list", "ps"},
    {"network list", "network ls"},
    {"network remove", "network rm"},
    {"network check", "network verify"},
    {"image ls", "images"},
    {"image rm", "rmi"},
    {"image build", "build"},
    {"image history", "history"},
    {"buildx build", "build"},
    {"builder build", "build"},
    {"builder prune", "system prune"},
    {"buildx prune", "system prune"},
    {"buildx du", "system df"},
    {"image tag", "tag"},
    {"volume list", "volume ls"},
    {"volume remove", "volume rm"},
}};

// docker's commands that are known and not there yet.
constexpr std::string_view later =
    "import,info,load,login,logout,pull,push,save,"
    "search,swarm,system info,compose create,"
    "compose cp,compose events,compose images,compose ls,compose port,"
    "compose pull,compose push,compose rm,compose run,compose stats,compose top,"
    "compose version,compose wait,compose watch,image prune";

const Command* look_up(std::string_view name) {
  for (const auto& [longer, shorter] : synonyms)
    if (longer == name) name = shorter;
  const auto found = std::find_if(table.begin(), table.end(), [&](const Command& c) { return c.name == name; });
  return found == table.end() ? nullptr : &*found;
}

std::vector<std::string> visible_names() {
  std::vector<std::string> names;
  for (const auto& command : table)
    if (command.group != hidden) names.emplace_back(command.name.substr(0, command.name.find(' ')));
  return names;
}

[[noreturn]] void refuse(const std::string& message, const std::string& hint) {
  throw base::Error(message).with_exit_code(base::exit_usage).with_hint(hint);
}

// `typed` is the command as the user wrote it, `word` the part of it that is not known.
[[noreturn]] void refuse_command(const std::string& typed, const std::string& word,
                                 const std::vector<std::string>& known, const std::string& help) {
  const std::string shown = "'" + base::escape_control(typed) + "'";
  const auto known_later = base::split(later, ',');
  if (std::find(known_later.begin(), known_later.end(), typed) != known_later.end())
    refuse(shown + " is not supported yet", help);
  refuse("unknown command " + shown + base::did_you_mean(word, known), help);
}

// `compose -f FILE up …`: what stands before the second word belongs to the family.
Found find_in_family(const Family& family, const std::vector<std::string>& words) {
  Found found;
  const auto with_value = base::split(family.options_with_value, ' ');
  std::size_t i = 1;
  while (i < words.size() && words[i].starts_with('-')) {
    const bool takes_next = std::find(with_value.begin(), with_value.end(), words[i]) != with_value.end();
    if (words[i] == "--help" || words[i] == "-h") throw HelpWanted{overview_of(family.name)};
    found.family.push_back(words[i++]);
    if (takes_next && i < words.size()) found.family.push_back(words[i++]);
  }
  const std::string name(family.name);
  if (i == words.size()) throw HelpWanted{overview_of(family.name)};
  found.command = look_up(name + " " + words[i]);
  if (found.command == nullptr) {
    std::vector<std::string> names;
    for (const auto& command : table)
      if (command.name.starts_with(name + " ")) names.emplace_back(command.name.substr(name.size() + 1));
    refuse_command(name + " " + words[i], words[i], names, "see 'conductor " + name + " --help'");
  }
  found.arguments.assign(words.begin() + static_cast<std::ptrdiff_t>(i) + 1, words.end());
  return found;
}

std::string aligned(std::string_view name, std::string_view summary) {
  constexpr std::size_t width = 22;
  std::string line = "  " + std::string(name);
  line.resize(std::max(line.size() + 1, width), ' ');
  return line + std::string(summary) + "\n";
}

}  // namespace

std::span<const Command> commands() { return table; }
std::span<const Family> families() { return family_table; }

Found find_command(const std::vector<std::string>& words) {
  if (words.empty()) throw HelpWanted{overview()};
  for (const auto& family : family_table)
    if (family.name == words.front()) return find_in_family(family, words);
  if (words.size() > 1) {
    if (const auto* command = look_up(words[0] + " " + words[1]); command != nullptr && words[0] != command->name)
      return {command, {}, {words.begin() + 2, words.end()}};
  }
  if (const auto* command = look_up(words.front())) return {command, {}, {words.begin() + 1, words.end()}};
  refuse_command(words.front(), words.front(), visible_names(), "see 'conductor help'");
}

std::string overview() {
  std::string text =
      "Usage: conductor [--root DIR] [--state DIR] [--debug] COMMAND …\n\n"
      "Builds images from a Conductorfile and runs declared services, without a daemon.\n";
  std::string_view group = hidden;
  for (const auto& command : table) {
    if (command.group == hidden) continue;
    if (command.group != group) text += "\n" + std::string(command.group) + "\n";
    group = command.group;
    text += aligned(command.name, command.summary);
  }
  return text + "\nSee 'conductor COMMAND --help' for how a command is used.\n";
}

std::string overview_of(std::string_view family) {
  const auto* found =
      std::find_if(family_table.begin(), family_table.end(), [&](const Family& f) { return f.name == family; });
  const std::string options = found->option_lines != nullptr ? found->option_lines() : "";
  std::string text = "Usage: conductor " + std::string(family) + (options.empty() ? "" : " [OPTIONS]") +
                     " COMMAND …\n\n" + std::string(found->summary) + "\n\n";
  for (const auto& command : table)
    if (command.group != hidden && command.name.starts_with(std::string(family) + " "))
      text += aligned(command.name, command.summary);
  if (!options.empty()) text += "\nOptions, before the command:\n" + options;
  return text;
}

}  // namespace conductor::cli
