// ps and port.
#include "base/error.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "cli/commands.hpp"
#include "cli/container_filters.hpp"
#include "cli/container_view.hpp"
#include "cli/filters.hpp"
#include "cli/network_view.hpp"
#include "cli/output.hpp"
#include "cli/reach_words.hpp"

#include <algorithm>

namespace conductor::cli {

namespace {

bool is_running(const engine::Observed& observed) {
  return observed.status.phase == monitor::Phase::running || observed.status.phase == monitor::Phase::restarting;
}

std::string size_text(const ContainerSize& size) {
  return base::format_size(size.written) + " (virtual " + base::format_size(size.whole) + ")";
}

}  // namespace

int ps(Invocation& call) {
  bool all = false, quiet = false, whole = false, latest = false, size = false;
  std::optional<std::int64_t> last;
  std::vector<std::string> filter_texts;
  std::string format;
  call.options().flag("-a,--all", all, "those that do not run, too");
  call.options().flag("-q,--quiet", quiet, "ids alone");
  call.options().flag("--no-trunc", whole, "whole ids and commands");
  call.options().flag("-l,--latest", latest, "the newest one");
  call.options().number("-n,--last", last, "the newest ones, running or not", "N");
  call.options().option("-f,--filter", filter_texts, "only those, KEY=VALUE", "FILTER");
  call.options().option("--format", format, "table, json or a template", "FORMAT");
  call.options().flag("-s,--size", size, "how much each has written, and its whole size");
  call.parse();
  const Filters filters(filter_texts, container_filters());
  const bool names_state = filters.names("status") || filters.names("exited");
  if (latest) last = 1;
  const bool labels_by_name = format.find(".Label ") != std::string::npos;

  const std::int64_t now = base::now_unix_ns();
  engine::Engine& engine = call.watchful_engine();
  const auto view = PortsView::of(engine.network().settings());
  std::vector<base::Json> rows;
  const ContainerFilter filter(engine, filters);
  for (const auto& observed : engine.list()) {
    if (last && static_cast<std::int64_t>(rows.size()) == *last) break;
    if (!all && !last && !names_state && !is_running(observed)) continue;
    if (!filter.accepts(observed)) continue;
    rows.push_back(listed(observed, view, whole, now));
    if (labels_by_name) rows.back().set("Label", base::to_json(observed.container.config.labels));
    if (size) rows.back().set("Size", size_text(size_of(engine, observed.container)));
  }
  std::vector<Column> columns = {{"CONTAINER ID", "ID"},    {"IMAGE", "Image"},   {"COMMAND", "Command"},
                                 {"CREATED", "RunningFor"}, {"STATUS", "Status"}, {"PORTS", "Ports"},
                                 {"NAMES", "Names"}};
  if (size) columns.push_back({"SIZE", "Size"});
  print(render_list(columns, rows, quiet ? "{{.ID}}" : format));
  return 0;
}

int port(Invocation& call) {
  std::string name, wanted, format = "text";
  call.options().option("--format", format, "text or json", "FORMAT");
  call.options().word("CONTAINER", name);
  call.options().optional_word("PORT[/PROTOCOL]", wanted);
  call.parse();
  if (format != "text" && format != "json")
    throw base::Error("option --format takes text or json").with_exit_code(base::exit_usage);
  const auto only = wanted.empty() ? network::PortRange{} : to_ports(wanted);
  engine::Engine& engine = call.watchful_engine();
  const auto observed = engine.observe(engine.find(name));
  const auto all = bindings(observed.endpoint ? observed.endpoint->config.publish : std::vector<network::Publish>(),
                            PortsView::of(engine.network().settings()));
  bool any = false;
  for (const auto& binding : all) {
    // As docker has it, a port without a protocol is TCP.
    const auto protocol = only.protocol == network::Protocol::any ? network::Protocol::tcp : only.protocol;
    const bool asked = only.first == 0 || (binding.protocol == protocol && binding.container_port >= only.first &&
                                           binding.container_port <= only.last);
    if (!asked) continue;
    any = true;
    if (format == "json")
      print_line(base::Json::object()
                     .set("ContainerPort", inner_text(binding))
                     .set("HostIp", binding.host_ip)
                     .set("HostPort", std::to_string(binding.host_port))
                     .set("Scope", base::enum_name(binding.scope))
                     .dump());
    else
      print_line(wanted.empty() || only.first != only.last ? inner_text(binding) + " -> " + outer_text(binding)
                                                           : outer_text(binding));
  }
  if (!wanted.empty() && !any)
    throw base::Error("container '" + base::escape_control(name) + "' does not publish its port " + wanted +
                      (wanted.find('/') == std::string::npos ? "/tcp" : ""));
  return 0;
}

}  // namespace conductor::cli
