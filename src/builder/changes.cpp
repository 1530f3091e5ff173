#include "builder/changes.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "builder/history.hpp"
#include "builder/metadata.hpp"

#include <algorithm>

namespace conductor::builder {
namespace {

using base::Error;

// As StageBuilder, without stages, arguments and files.
class Changes {
 public:
  explicit Changes(image::Config& config) : config_(config) {}

  void apply(const parser::Instruction& instruction) {
    flags_ = &instruction.flags;
    std::visit([&](const auto& statement) { this->apply(statement); }, instruction.statement);
  }

 private:
  image::Config& config_;
  const std::vector<parser::Flag>* flags_ = nullptr;

  std::optional<std::string> variable(const std::string& name) const {
    for (const auto& entry : config_.env)
      if (entry.starts_with(name + "=")) return entry.substr(name.size() + 1);
    return std::nullopt;
  }
  std::string expand(const parser::Word& word) const {
    return parser::expand(word, [&](const std::string& name) { return variable(name); });
  }

  void apply(const parser::Env& env) {
    std::vector<std::pair<std::string, std::string>> values;
    for (const auto& [key, value] : env.variables) values.emplace_back(expand(key), expand(value));
    for (const auto& [name, value] : values) {
      std::erase_if(config_.env, [&](const std::string& other) { return other.starts_with(name + "="); });
      config_.env.push_back(name + "=" + value);
    }
  }
  void apply(const parser::Label& label) {
    for (const auto& [key, value] : label.labels) config_.labels[expand(key)] = expand(value);
  }
  void apply(const parser::Cmd& cmd) { config_.cmd = command_words(cmd.command, shell_of(config_)); }
  void apply(const parser::Entrypoint& entrypoint) {
    config_.entrypoint = command_words(entrypoint.command, shell_of(config_));
  }
  void apply(const parser::User& user) { config_.user = expand(user.user); }
  void apply(const parser::Workdir& directory) {
    const std::string path = expand(directory.path);
    config_.working_dir = path.starts_with('/') ? path : config_.working_dir + "/" + path;
  }
  void apply(const parser::Expose& expose) {
    for (const auto& word : expose.ports) add_sorted(config_.exposed_ports, exposed_ports(expand(word)));
  }
  void apply(const parser::Volume& volume) {
    for (const auto& path : volume.paths) add_sorted(config_.volumes, {expand(path)});
  }
  void apply(const parser::Stopsignal& signal) { config_.stop_signal = checked_signal(expand(signal.signal)); }
  void apply(const parser::Shell& shell) { config_.shell = shell.words; }
  void apply(const parser::Healthcheck& check) { config_.healthcheck = healthcheck_of(check, *flags_); }
  template <class Other>
  void apply(const Other&) {
    throw Error("it changes more than what an image says about itself");
  }
};

template <class... Kinds>
bool is_one_of(const parser::Statement& statement) {
  return (std::holds_alternative<Kinds>(statement) || ...);
}

}  // namespace

std::vector<parser::Instruction> read_changes(const std::vector<std::string>& texts) {
  std::vector<parser::Instruction> instructions;
  for (const auto& text : texts) {
    const base::Context context("--change '" + base::escape_control(text) + "'");
    auto instruction = parser::parse_trigger(text, "--change");
    if (is_one_of<parser::From, parser::Run, parser::Copy, parser::Add, parser::Arg, parser::Onbuild,
                  parser::Maintainer>(instruction.statement))
      throw Error(instruction.keyword + " is not possible here")
          .with_exit_code(base::exit_usage)
          .with_hint(
              "CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, SHELL, STOPSIGNAL, USER, VOLUME and WORKDIR are");
    instructions.push_back(std::move(instruction));
  }
  return instructions;
}

void apply_changes(const std::vector<parser::Instruction>& instructions, image::Config& config) {
  Changes changes(config);
  for (const auto& instruction : instructions) changes.apply(instruction);
}

}  // namespace conductor::builder
