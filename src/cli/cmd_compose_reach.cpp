// compose graph, why, verify, tighten: what the file lets whom reach, and whether the machine does just that.
#include "base/text.hpp"
#include "base/units.hpp"
#include "cli/cmd_compose_common.hpp"
#include "cli/output.hpp"
#include "cli/reach_words.hpp"
#include "compose/observed.hpp"
#include "compose/reach_check.hpp"
#include "compose/reach_draw.hpp"
#include "compose/reach_tighten.hpp"
#include "compose/reach_why.hpp"
#include "linux/conntrack.hpp"
#include "linux/events.hpp"
#include "store/records.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

namespace conductor::cli {

namespace {

constexpr int exit_no = 2;      // not allowed; not exact
constexpr int exit_failed = 1;  // there is no answer

// What goes wrong before there is an answer must not be taken for one.
template <class Command>
int answering(Command&& command) {
  try {
    return command();
  } catch (base::Error& e) {
    e.with_exit_code(exit_failed);
    throw;
  }
}

enum class Format { text, json };
constexpr auto enum_names(Format) {
  return std::array{std::pair{Format::text, "text"}, std::pair{Format::json, "json"}};
}

// An option with one of the names of an enumeration.
template <class Enum>
Enum choice(const std::string& option, const std::string& word) {
  Enum value{};
  if (base::enum_parse(word, value)) return value;
  std::vector<std::string> names;
  for (const auto& [one, name] : enum_names(Enum{})) names.emplace_back(name);
  throw base::Error("option " + option + " takes " + base::join(names, ", ")).with_exit_code(base::exit_usage);
}

// Commands that look at a file serve people too who may not look at the machine.
std::vector<network::Endpoint> endpoints_if_readable(Invocation& call) {
  try {
    return call.engine().network().list();
  } catch (const base::Error&) {
    return {};
  }
}

network::PublishScope publish_scope_if_readable(Invocation& call) {
  try {
    return call.engine().network().settings().publish_scope;
  } catch (const base::Error&) {
    return network::PublishScope::all;
  }
}

std::vector<std::string> ids_of(const compose::ObservedProject& observed) {
  std::vector<std::string> ids;
  for (const auto& container : observed.containers)
    if (container.running() && container.container.config.network == engine::NetworkMode::links)
      ids.push_back(container.container.id);
  return ids;
}

std::string counted(std::size_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

void print_findings(const std::vector<network::Finding>& findings, Format format, std::size_t running) {
  if (format == Format::json) return print_line(base::to_json(findings).dump(2));
  for (const auto& finding : findings)
    print_line(std::string(base::enum_name(finding.kind)) + " " + finding.object + ": " +
               base::escape_control(finding.text));
  if (findings.empty())
    print_line("Exact: " + counted(running, "container") + ", nothing missing, nothing extra.");
  else
    print_line(counted(findings.size(), "finding") + ".");
}

// --- tighten ------------------------------------------------------------------------------------------------------

// The connections there are and those that begin, until the time is over or Ctrl-C. The kernel's table is read at both
// ends: it also knows those that began while nobody watched yet.
std::vector<compose::Seen> observe(Invocation& call, const compose::Project& project, const std::string& duration) {
  const std::int64_t milliseconds = parse_seconds_ns("--observe", duration) / 1'000'000;
  network::Network& network = call.engine().network();
  const network::Settings settings = network.settings();
  std::vector<linux::IpPrefix> ranges = {settings.range()};
  if (settings.ipv6()) ranges.push_back(settings.range6());
  auto endpoints = network.list();
  std::set<linux::Connection> seen;
  for (const auto& connection : linux::connections(ranges)) seen.insert(connection);
  const linux::Fd signals = linux::signal_descriptor({SIGINT, SIGTERM});
  say("watching connections for " + duration + "; Ctrl-C ends it early");
  const auto observation = linux::observe_connections(
      ranges, milliseconds, signals.get(), [&](const linux::Connection& connection) { seen.insert(connection); });
  for (const auto& connection : linux::connections(ranges)) seen.insert(connection);
  if (!observation.complete) say("the kernel had to drop some events: a connection may be missing");
  for (auto& endpoint : network.list()) endpoints.push_back(std::move(endpoint));  // started meanwhile
  std::set<compose::Seen> of_project;
  for (const auto& connection : seen)
    if (const auto one = compose::seen_of(project, settings, endpoints, connection)) of_project.insert(*one);
  return {of_project.begin(), of_project.end()};
}

// As patch -p0 finds the file from the current directory; patch takes no absolute names.
std::string patch_name(const compose::Project& project) {
  const auto relative = std::filesystem::path(project.path).lexically_relative(std::filesystem::current_path());
  const auto name = relative.string();
  return name.empty() || name.starts_with("..") ? project.path.substr(project.path.rfind('/') + 1) : name;
}

}  // namespace

int compose_graph(Invocation& call) {
  ProjectOptions which(call);
  std::string format = "text", output;
  std::vector<std::string> services;
  call.options().option("--format", format, "text, dot, mermaid, svg or json", "FORMAT");
  call.options().option("-o,--output", output, "into a file", "FILE");
  call.options().words("SERVICE", services);
  call.parse();
  const auto wanted = choice<compose::GraphFormat>("--format", format);
  const compose::Project project = which.load();
  const auto reach = compose::declared_reach(project, publish_scope_if_readable(call));
  const std::string drawn = compose::draw(project, reach, wanted, services);
  if (output.empty() || output == "-") {
    print(drawn);
    return 0;
  }
  using Allow = std::filesystem::perms;
  store::write_file_atomically(std::filesystem::absolute(output).string(), drawn, false);
  std::filesystem::permissions(output, Allow::group_read | Allow::others_read, std::filesystem::perm_options::add);
  return 0;
}

int compose_why(Invocation& call) {
  ProjectOptions which(call);
  compose::Question question;
  std::string format = "text", port;
  call.options().option("--format", format, "text or json", "FORMAT");
  call.options().word("FROM", question.from);
  call.options().word("TO", question.to);
  call.options().optional_word("PORT", port);
  call.options().note(
      "FROM and TO: a service, project/service, a host name or address, internet, host or world. PORT: 8080, 53/udp, "
      "9000-9100.");
  call.options().note("Exit code 0: FROM may open connections to TO; 2: it may not; 1: there is no answer.");
  call.parse();
  return answering([&] {
    const auto wanted = choice<Format>("--format", format);
    if (!port.empty()) question.ports = to_ports(port);
    const compose::Project project = which.load();
    const auto answer = compose::why(project, question, endpoints_if_readable(call), publish_scope_if_readable(call));
    print(wanted == Format::json ? compose::to_json(answer).dump(2) + "\n" : compose::to_text(project, answer));
    return answer.allowed ? 0 : exit_no;
  });
}

int compose_verify(Invocation& call) {
  ProjectOptions which(call);
  bool probe = false;
  std::string format = "text";
  call.options().flag("--probe", probe, "also connect, between all containers of the project");
  call.options().option("--format", format, "text or json", "FORMAT");
  call.options().note("Exit code 0: exact; 2: something differs; 1: it could not be looked at.");
  call.parse();
  return answering([&] {
    const auto wanted = choice<Format>("--format", format);
    const compose::Project project = which.load();
    network::Network& network = call.engine().network();
    const auto observed = compose::observe(call.engine(), project.name, &project);
    auto findings = compose::compare_with_file(project, observed);
    const auto endpoints = network.list();
    for (auto& finding : compose::findings_about(project.name, call.engine().verify_network(), endpoints))
      findings.push_back(std::move(finding));
    const auto ids = ids_of(observed);
    if (probe && !ids.empty())
      for (auto& finding : network.probe(ids)) findings.push_back(std::move(finding));
    print_findings(findings, wanted, ids.size());
    return findings.empty() ? 0 : exit_no;
  });
}

int compose_tighten(Invocation& call) {
  ProjectOptions which(call);
  std::optional<std::string> duration;
  call.options().option("--observe", duration, "from the connections seen meanwhile, instead of depends_on",
                        "DURATION");
  call.options().note("Prints a patch of the file: conductor compose tighten | patch -p0");
  call.parse();
  const compose::Project project = which.load();
  std::optional<std::vector<compose::Seen>> seen;
  if (duration) seen = observe(call, project, *duration);
  const auto proposals = compose::tighten(project, seen);
  for (const auto& note : proposals.notes) print_error("note: " + base::escape_control(note));
  if (proposals.empty()) {
    print_error("Nothing to tighten.");
    return 0;
  }
  if (project.file == "<stdin>") {
    print(compose::to_text(proposals));
    return 0;
  }
  try {
    print(compose::to_patch(project, proposals, patch_name(project)));
  } catch (base::Error& e) {
    print_error("What it comes to:\n" + compose::to_text(proposals));
    throw;
  }
  return 0;
}

}  // namespace conductor::cli
