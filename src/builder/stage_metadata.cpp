// Instructions that change what the image says about itself: no layer, no cache key.
#include "base/text.hpp"
#include "builder/metadata.hpp"
#include "builder/stage_builder.hpp"

#include <algorithm>
#include <utility>

namespace conductor::builder {
// Values see the variables of the instructions before, not those of the same one.
void StageBuilder::apply(const parser::Env& env, const Instruction&) {
  std::vector<std::pair<std::string, std::string>> changed;
  for (const auto& [key, value] : env.variables) {
    const std::string name = expand(key);
    if (name.empty()) throw base::Error("the name of a variable is empty");
    changed.emplace_back(name, expand(value));
  }
  for (const auto& [name, value] : changed) set_variable(result_.config.env, name, value);
}

void StageBuilder::apply(const parser::Label& label, const Instruction&) {
  for (const auto& [key, value] : label.labels) {
    const std::string name = expand(key);
    if (name.empty()) throw base::Error("the name of a label is empty");
    result_.config.labels[name] = expand(value);
  }
}

void StageBuilder::apply(const parser::Arg& arg, const Instruction&) {
  for (const auto& declaration : arg.declarations)
    result_.scope.declare(declaration.name.text,
                          declaration.value ? std::optional(expand(*declaration.value)) : std::nullopt);
}

void StageBuilder::apply(const parser::Cmd& cmd, const Instruction&) {
  result_.config.cmd = command_words(cmd.command, shell());
  has_cmd_ = true;
}

// A CMD of the base image belongs to its entrypoint: a new entrypoint without a CMD of this stage takes it away.
void StageBuilder::apply(const parser::Entrypoint& entrypoint, const Instruction&) {
  result_.config.entrypoint = command_words(entrypoint.command, shell());
  if (!has_cmd_) result_.config.cmd.reset();
}

void StageBuilder::apply(const parser::User& user, const Instruction&) {
  const std::string name = expand(user.user);
  if (name.empty()) throw base::Error("the user is empty").with_hint("a variable has no value");
  result_.config.user = name;
}

void StageBuilder::apply(const parser::Expose& expose, const Instruction&) {
  for (const auto& word : expose.ports)
    for (const auto& text : parser::expand_words(word, lookup(), shop_.parsed.escape))
      add_sorted(result_.config.exposed_ports, exposed_ports(text));
}

void StageBuilder::apply(const parser::Volume& volume, const Instruction&) {
  std::vector<std::string> paths;
  for (const auto& word : volume.paths) {
    paths.emplace_back(base::trim(expand(word)));
    if (paths.back().empty()) throw base::Error("the path of a volume is empty").with_hint("a variable has no value");
  }
  add_sorted(result_.config.volumes, paths);
}

void StageBuilder::apply(const parser::Stopsignal& stopsignal, const Instruction&) {
  result_.config.stop_signal = checked_signal(expand(stopsignal.signal));
}

void StageBuilder::apply(const parser::Shell& shell, const Instruction&) {
  if (shell.words.empty()) throw base::Error("SHELL names no program").with_hint("SHELL [\"/bin/sh\", \"-c\"]");
  result_.config.shell = shell.words;
}

void StageBuilder::apply(const parser::Healthcheck& check, const Instruction& instruction) {
  result_.config.healthcheck = healthcheck_of(check, instruction.flags);
}

void StageBuilder::apply(const parser::Onbuild& onbuild, const Instruction&) {
  result_.config.on_build.push_back(onbuild.trigger);
}

void StageBuilder::apply(const parser::Maintainer& maintainer, const Instruction&) {
  result_.author = maintainer.name.text;
}

}  // namespace conductor::builder
