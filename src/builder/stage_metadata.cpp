// Instructions that change what the image says about itself: no layer, no cache key.
#include "base/text.hpp"
#include "base/units.hpp"
#include "builder/cache_key.hpp"
#include "builder/stage_builder.hpp"

#include <algorithm>

namespace conductor::builder {
namespace {

// An empty JSON form takes the value of the base image away.
std::optional<std::vector<std::string>> command_words(const parser::Command& command) {
  if (!command.shell) return command.words.empty() ? std::nullopt : std::optional(command.words);
  return std::vector<std::string>{"/bin/sh", "-c", command.words.front()};
}

// "8080", "8080/udp", "9000-9002/tcp" as single ports with their protocol.
std::vector<std::string> exposed_ports(const std::string& text) {
  const auto slash = text.find('/');
  const std::string protocol = slash == std::string::npos ? "tcp" : base::lower(text.substr(slash + 1));
  const auto ends = base::split(text.substr(0, slash), '-');
  const auto first = base::parse_number(ends.front(), 65535), last = base::parse_number(ends.back(), 65535);
  if (ends.size() > 2 || !first || !last || *first == 0 || *last < *first ||
      (protocol != "tcp" && protocol != "udp" && protocol != "sctp"))
    throw base::Error(base::escape_control(text) + " is not a port")
        .with_hint("a number from 1 to 65535 or a range, with /tcp or /udp");
  std::vector<std::string> ports;
  for (auto port = *first; port <= *last; ++port) ports.push_back(std::to_string(port) + "/" + protocol);
  return ports;
}

}  // namespace

void StageBuilder::apply(const parser::From&, const Instruction&) {
  if (stage_.base_stage) {
    result_ = shop_.results.at(*stage_.base_stage);
    return;
  }
  const auto note = [&](const std::string& line) { tell(Event::Kind::note, line); };
  const image::Image base = shop_.engine.images().resolve(stage_.base, note);
  result_.config = base.config;
  result_.layers = base.layers;
  result_.chain = chain_of_image(base.id);
  result_.scope = Scope(shop_.options.args, shop_.graph.globals);
  if (!find_variable(result_.config.env, "PATH")) set_variable(result_.config.env, "PATH", default_path);
}

// Values see the variables of the instructions before, not those of the same one.
void StageBuilder::apply(const parser::Env& env, const Instruction&) {
  std::vector<std::string> changed = result_.config.env;
  for (const auto& [key, value] : env.variables) set_variable(changed, expand(key), expand(value));
  result_.config.env = std::move(changed);
}

void StageBuilder::apply(const parser::Label& label, const Instruction&) {
  std::map<std::string, std::string> changed = result_.config.labels;
  for (const auto& [key, value] : label.labels) changed[expand(key)] = expand(value);
  result_.config.labels = std::move(changed);
}

void StageBuilder::apply(const parser::Arg& arg, const Instruction&) {
  for (const auto& declaration : arg.declarations)
    result_.scope.declare(declaration.name.text,
                          declaration.value ? std::optional(expand(*declaration.value)) : std::nullopt);
}

void StageBuilder::apply(const parser::Cmd& cmd, const Instruction&) {
  result_.config.cmd = command_words(cmd.command);
  has_cmd_ = true;
}

// A CMD of the base image belongs to its entrypoint: a new entrypoint without a CMD of this stage takes it away.
void StageBuilder::apply(const parser::Entrypoint& entrypoint, const Instruction&) {
  result_.config.entrypoint = command_words(entrypoint.command);
  if (!has_cmd_) result_.config.cmd.reset();
}

void StageBuilder::apply(const parser::User& user, const Instruction&) {
  const std::string name = expand(user.user);
  if (name.empty()) throw base::Error("the user is empty").with_hint("a variable has no value");
  result_.config.user = name;
}

void StageBuilder::apply(const parser::Expose& expose, const Instruction&) {
  auto& ports = result_.config.exposed_ports;
  for (const auto& word : expose.ports)
    for (const auto& text : parser::expand_words(word, lookup(), shop_.parsed.escape)) {
      const auto more = exposed_ports(text);
      ports.insert(ports.end(), more.begin(), more.end());
    }
  std::sort(ports.begin(), ports.end());
  ports.erase(std::unique(ports.begin(), ports.end()), ports.end());
}

void StageBuilder::apply(const parser::Volume&, const Instruction&) { throw base::Error("not supported yet"); }
void StageBuilder::apply(const parser::Stopsignal&, const Instruction&) { throw base::Error("not supported yet"); }
void StageBuilder::apply(const parser::Shell&, const Instruction&) { throw base::Error("not supported yet"); }
void StageBuilder::apply(const parser::Healthcheck&, const Instruction&) { throw base::Error("not supported yet"); }
void StageBuilder::apply(const parser::Onbuild&, const Instruction&) { throw base::Error("not supported yet"); }
void StageBuilder::apply(const parser::Maintainer&, const Instruction&) { throw base::Error("not supported yet"); }

}  // namespace conductor::builder
