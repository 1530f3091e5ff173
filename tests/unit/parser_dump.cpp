#include "unit/parser_dump.hpp"

#include "base/text.hpp"

using namespace conductor;
using namespace conductor::parser;

namespace {

std::string place(const base::Position& at) { return std::to_string(at.line) + ":" + std::to_string(at.column); }

std::string quote(const std::string& text) { return "\"" + base::escape_control(text) + "\""; }

std::string show(const Word& word) { return place(word.position) + " " + quote(word.text); }

std::string list(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : " ") + quote(word);
  return "[" + text + "]";
}

std::string show(const Command& command) {
  return (command.shell ? "shell " : "exec ") + place(command.position) + " " + list(command.words);
}

// --- Conductorfile ----------------------------------------------------------------------------------------------

struct StatementDump {
  std::string out;

  void line(const std::string& text) { out += "    " + text + "\n"; }

  void heredocs(const std::vector<Heredoc>& list) {
    for (const auto& doc : list)
      line("heredoc " + place(doc.position) + " " + quote(doc.name) + (doc.expand ? " " : " raw ") +
           quote(doc.content));
  }
  void pairs(const std::vector<KeyValue>& list) {
    for (const auto& [key, value] : list) line(show(key) + " = " + show(value));
  }

  void operator()(const From& from) { line(show(from.image) + (from.stage.empty() ? "" : " as " + quote(from.stage))); }
  void operator()(const Run& run) {
    line(show(run.command));
    heredocs(run.heredocs);
  }
  void operator()(const Copy& copy) {
    for (const auto& source : copy.sources) line("from " + show(source));
    line("to " + show(copy.destination));
    heredocs(copy.heredocs);
  }
  void operator()(const Env& env) { pairs(env.variables); }
  void operator()(const Label& label) { pairs(label.labels); }
  void operator()(const Workdir& workdir) { line(show(workdir.path)); }
  void operator()(const Cmd& cmd) { line(show(cmd.command)); }
  void operator()(const Entrypoint& entrypoint) { line(show(entrypoint.command)); }
  void operator()(const User& user) { line(show(user.user)); }
  void operator()(const Volume& volume) {
    for (const auto& path : volume.paths) line(show(path));
  }
  void operator()(const Stopsignal& stopsignal) { line(show(stopsignal.signal)); }
  void operator()(const Shell& shell) { line(list(shell.words)); }
  void operator()(const Healthcheck& healthcheck) { line(healthcheck.none ? "none" : show(healthcheck.command)); }
  void operator()(const Onbuild& onbuild) { line(quote(onbuild.trigger)); }
  void operator()(const Maintainer& maintainer) { line(show(maintainer.name)); }
  void operator()(const Expose& expose) {
    for (const auto& port : expose.ports) line(show(port));
  }
  void operator()(const Arg& arg) {
    for (const auto& one : arg.declarations) line(show(one.name) + (one.value ? " = " + show(*one.value) : ""));
  }
};

// --- compose ----------------------------------------------------------------------------------------------------

class ComposeDump {
 public:
  std::string out;

  void service(const Service& s) {
    out += "service " + s.name + " " + place(s.position) + "\n";
    text("image", s.image);
    if (s.build) build(*s.build);
    if (s.command) line("command", list(*s.command));
    if (s.entrypoint) line("entrypoint", list(*s.entrypoint));
    for (const auto& [name, value] : s.environment) line("environment", name + (value ? " = " + quote(*value) : ""));
    for (const auto& file : s.env_file)
      line("env_file", place(file.position) + " " + quote(file.value) + (file.required ? "" : " optional"));
    for (const auto& mount : s.volumes) volume(mount);
    for (const auto& port : s.ports) published(port);
    for (const auto& peer : s.peers) linked(peer);
    placed("allow_peers", s.allow_peers);
    placed("external_links", s.external_links);
    ranges("expose", s.expose);
    flag("internet", s.internet);
    for (const auto& outside : s.internet_to)
      line("internet_to", place(outside.position) + " " + quote(outside.value.to) +
                              (outside.value.ports.first == 0 ? "" : " " + show(outside.value.ports)));
    ranges("host", s.host);
    text("publish_scope", s.publish_scope);
    text("network_mode", s.network_mode);
    if (s.networks && s.networks->empty()) line("networks", "none");
    for (const auto& network : s.networks.value_or(std::vector<ServiceNetwork>{})) member(network);
    for (const auto& d : s.depends_on)
      line("depends_on", place(d.position) + " " + d.service + " " + std::string(base::enum_name(d.condition)) +
                             (d.restart ? " restart" : "") + (d.required ? "" : " optional"));
    if (s.healthcheck) health(*s.healthcheck);
    if (s.restart != "no" || s.restart_retries != 0)
      line("restart", s.restart + " " + std::to_string(s.restart_retries));
    text("user", s.user);
    text("working_dir", s.working_dir);
    text("hostname", s.hostname);
    text("container_name", s.container_name);
    texts("cap_add", s.cap_add);
    texts("cap_drop", s.cap_drop);
    flag("read_only", s.read_only);
    flag("privileged", s.privileged);
    flag("tty", s.tty);
    flag("stdin_open", s.stdin_open);
    flag("init", s.init);
    number("mem_limit", s.mem_limit);
    number("memswap_limit", s.memswap_limit);
    number("mem_reservation", s.mem_reservation);
    number("pids_limit", s.pids_limit);
    number("shm_size", s.shm_size);
    if (s.cpus) line("cpus", std::to_string(*s.cpus));
    if (s.replicas != 1) line("replicas", std::to_string(s.replicas));
    map("label", s.labels);
    text("stop_signal", s.stop_signal);
    if (s.stop_grace_period) line("stop_grace_period", std::to_string(s.stop_grace_period->count()));
    texts("dns", s.dns);
    texts("dns_search", s.dns_search);
    texts("dns_opt", s.dns_options);
    text("domainname", s.domainname);
    texts("extra_hosts", s.extra_hosts);
    texts("profiles", s.profiles);
    std::string places;
    for (const auto& [path, at] : s.places) places += " " + path + "@" + place(at);
    line("places", std::string(base::trim(places)));
  }

  void volume(const VolumeSection& v) {
    out += "volume " + v.name + " " + place(v.position) + "\n";
    text("name", v.real_name);
    flag("external", v.external);
    map("label", v.labels);
  }

  void network(const NetworkSection& n) {
    out += "network " + n.name + " " + place(n.position) + "\n";
    text("name", n.real_name);
    flag("external", n.external);
    flag("internal", n.internal);
    text("subnet", n.subnet);
    text("subnet6", n.subnet6);
    if (n.enable_ipv6) line("enable_ipv6", *n.enable_ipv6 ? "true" : "false");
    map("label", n.labels);
  }

 private:
  void line(const std::string& name, const std::string& value) { out += "    " + name + " " + value + "\n"; }
  void text(const char* name, const std::string& value) {
    if (!value.empty()) line(name, quote(value));
  }
  void flag(const char* name, bool value) {
    if (value) line(name, "true");
  }
  void texts(const char* name, const std::vector<std::string>& values) {
    if (!values.empty()) line(name, list(values));
  }
  void map(const char* name, const std::map<std::string, std::string>& values) {
    for (const auto& [key, value] : values) line(name, key + " = " + quote(value));
  }
  void number(const char* name, const std::optional<std::int64_t>& value) {
    if (value) line(name, std::to_string(*value));
  }

  void build(const BuildSection& b) {
    line("build", place(b.position) + " " + quote(b.context));
    text("build.dockerfile", b.file);
    text("build.target", b.target);
    map("build.arg", b.args);
    map("build.label", b.labels);
    flag("build.no_cache", b.no_cache);
  }

  void health(const HealthcheckSection& h) {
    line("healthcheck", h.disable ? "disabled" : list(h.test));
    line("healthcheck.times", std::to_string(h.interval.count()) + " " + std::to_string(h.timeout.count()) + " " +
                                  std::to_string(h.start_period.count()) + " " +
                                  std::to_string(h.start_interval.count()) + " retries " + std::to_string(h.retries));
  }

  void volume(const Placed<VolumeMount>& placed) {
    static constexpr const char* kinds[] = {"bind", "named", "anonymous", "tmpfs"};
    const auto& m = placed.value;
    line("volume", place(placed.position) + " " + kinds[static_cast<int>(m.kind)] + " " + quote(m.source) + " -> " +
                       quote(m.target) + (m.read_only ? " ro" : "") +
                       (m.size != 0 ? " size " + std::to_string(m.size) : "") +
                       (m.inodes != 0 ? " inodes " + std::to_string(m.inodes) : "") +
                       (m.propagation.empty() ? "" : " " + m.propagation));
  }

  static std::string show(const PortRange& range) {
    return std::to_string(range.first) + "-" + std::to_string(range.last) + "/" + range.protocol;
  }
  void ranges(const char* name, const std::vector<PortRange>& values) {
    for (const auto& range : values) line(name, show(range));
  }
  void placed(const char* name, const std::vector<Placed<std::string>>& values) {
    for (const auto& value : values) line(name, place(value.position) + " " + quote(value.value));
  }

  void linked(const Placed<PeerEntry>& placed) {
    const auto& peer = placed.value.reference;
    const auto& alias = placed.value.alias;
    line(placed.value.key == "links" ? "link" : "peer",
         place(placed.position) + " " + peer.peer + " " +
             show(PortRange{peer.first_port, peer.last_port, peer.protocol}) + (alias.empty() ? "" : " as " + alias));
  }

  void member(const ServiceNetwork& n) {
    line("network", place(n.position) + " " + quote(n.network) + " " + list(n.aliases) +
                        (n.ipv4_address.empty() ? "" : " " + n.ipv4_address) +
                        (n.ipv6_address.empty() ? "" : " " + n.ipv6_address));
  }

  void published(const Placed<PortMapping>& placed) {
    const auto& p = placed.value;
    line("port", place(placed.position) + " " + quote(p.host_ip) + " " + std::to_string(p.host_port) + " -> " +
                     std::to_string(p.container_port) + " x" + std::to_string(p.count) + " " + p.protocol +
                     (p.publish_scope.empty() ? "" : " scope " + p.publish_scope) +
                     (p.mode == "ingress" ? "" : " mode " + p.mode) + (p.name.empty() ? "" : " " + quote(p.name)) +
                     (p.app_protocol.empty() ? "" : " " + quote(p.app_protocol)));
  }
};

}  // namespace

std::string test::dump(const Conductorfile& file) {
  std::string out = file.escape == '\\' ? "" : std::string("escape ") + file.escape + "\n";
  for (const auto& instruction : file.instructions) {
    out += instruction.keyword + " " + place(instruction.position) + " " + quote(instruction.text) + "\n";
    for (const auto& flag : instruction.flags)
      out += "    --" + flag.name + " " + place(flag.position) + (flag.value ? " " + quote(*flag.value) : "") + "\n";
    StatementDump statement;
    std::visit(statement, instruction.statement);
    out += statement.out;
  }
  return out;
}

std::string test::dump(const ComposeFile& file) {
  ComposeDump all;
  all.out = std::string(file.strict ? "strict" : "open") + (file.name.empty() ? "" : " " + file.name) +
            (file.publish_scope.empty() ? "" : " scope " + file.publish_scope) + "\n";
  for (const auto& service : file.services) all.service(service);
  for (const auto& volume : file.volumes) all.volume(volume);
  for (const auto& network : file.networks) all.network(network);
  return all.out;
}
