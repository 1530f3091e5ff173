// RUN.
#include "builder/cache_key.hpp"
#include "builder/run.hpp"
#include "builder/stage_builder.hpp"

namespace conductor::builder {
namespace {

NetworkChoice network_of(const std::string* flag) {
  if (flag == nullptr || *flag == "default") return NetworkChoice::standard;
  if (*flag == "none") return NetworkChoice::none;
  if (*flag == "host") return NetworkChoice::host;
  throw base::Error("--network=" + *flag + " is not known").with_hint("default, none or host");
}

// "<<NAME" and nothing else.
bool is_one_heredoc(const parser::Run& run) {
  const std::string& text = run.command.words.front();
  return run.heredocs.size() == 1 && text.starts_with("<<") && text.find_first_of(" \t") == std::string::npos;
}

// The text for the shell. A here-document alone is the script itself; beside other words the shell reads it as its own.
std::string shell_text(const parser::Run& run) {
  if (is_one_heredoc(run)) return run.heredocs.front().content;
  std::string text = run.command.words.front();
  for (const auto& heredoc : run.heredocs) text += "\n" + heredoc.content + heredoc.name;
  return text;
}

}  // namespace

void StageBuilder::apply(const parser::Run& run, const Instruction& instruction) {
  if (result_.layers.empty()) throw base::Error("there is no program to run: the image has no files yet");
  RunStep step;
  step.arguments = run.command.words;
  if (run.command.shell && is_one_heredoc(run) && run.heredocs.front().content.starts_with("#!"))
    step.script = run.heredocs.front().content;
  else if (run.command.shell)
    step.arguments = {"/bin/sh", "-c", shell_text(run)};
  step.environment = result_.scope.run_environment(result_.config.env);
  step.proxies = result_.scope.proxies(result_.config.env);
  step.user = result_.config.user;
  step.working_directory = result_.config.working_dir.empty() ? "/" : result_.config.working_dir;
  step.network = network_of(flag(instruction, "network"));

  const std::string key = key_of(step, result_.chain);
  if (reuse(key)) return;
  const auto lower = lower_directories(result_.layers);
  make(key, [&](const image::LayerDraft& draft) {
    run_step(shop_.engine, step, lower, draft,
             [&](std::string_view bytes) { tell(Event::Kind::output, std::string(bytes)); });
  });
}

}  // namespace conductor::builder
