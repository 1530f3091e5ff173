#include "builder/history.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace conductor::builder {
namespace {

// ["/bin/sh" "-c" "make"]
std::string quoted_list(const std::vector<std::string>& words) {
  std::string text = "[";
  for (const auto& word : words) {
    if (text.size() > 1) text += ' ';
    text += '"';
    for (const char c : word) {
      if (c == '"' || c == '\\') text += '\\';
      text += c;
    }
    text += '"';
  }
  return text + "]";
}

std::string words_of(const parser::Command& command, const image::Config& config) {
  if (!command.shell) return base::join(command.words, " ");
  return base::join(shell_of(config), " ") + " " + command.words.front();
}

std::string list_of(const parser::Command& command, const image::Config& config) {
  if (!command.shell) return quoted_list(command.words);
  std::vector<std::string> words = shell_of(config);
  words.push_back(command.words.front());
  return quoted_list(words);
}

}  // namespace

std::vector<std::string> shell_of(const image::Config& config) {
  return config.shell.empty() ? std::vector<std::string>{"/bin/sh", "-c"} : config.shell;
}

std::string created_by(const parser::Instruction& instruction, const image::Config& config) {
  if (const auto* run = std::get_if<parser::Run>(&instruction.statement))
    return "RUN " + words_of(run->command, config);
  if (const auto* cmd = std::get_if<parser::Cmd>(&instruction.statement)) return "CMD " + list_of(cmd->command, config);
  if (const auto* entrypoint = std::get_if<parser::Entrypoint>(&instruction.statement))
    return "ENTRYPOINT " + list_of(entrypoint->command, config);
  return instruction.text.substr(0, instruction.text.find('\n'));
}

std::vector<image::History> complete_history(const image::Image& base, const std::string& name) {
  std::vector<image::History> history = base.history;
  const auto told = std::ranges::count_if(history, [](const auto& entry) { return !entry.empty_layer; });
  for (auto i = static_cast<std::size_t>(told); i < base.layers.size(); ++i)
    history.push_back({0, "FROM " + name, "", false});
  return history;
}

}  // namespace conductor::builder
