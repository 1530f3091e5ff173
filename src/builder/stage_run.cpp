// RUN.
#include "base/text.hpp"
#include "builder/cache_key.hpp"
#include "builder/run.hpp"
#include "builder/stage_builder.hpp"
#include "store/records.hpp"

#include <algorithm>

namespace conductor::builder {
namespace {

using base::Error;

// A here-document with "#!" is a file of this directory while it runs, in a /dev that no image has a part in.
constexpr const char* script_directory = "/dev/pipes/";

NetworkChoice network_of(const std::string* flag, NetworkChoice otherwise) {
  if (flag == nullptr || *flag == "default") return otherwise;
  if (*flag == "none") return NetworkChoice::none;
  if (*flag == "host") return NetworkChoice::host;
  throw Error("--network=" + base::escape_control(*flag) + " is not known").with_hint("default, none or host");
}

// The confinement of a step is the user's business: nothing that a file says lifts it.
void check_confinement(const parser::Instruction& instruction, const std::string* security) {
  if (security != nullptr && *security == "insecure")
    throw Error("--security=insecure is refused: no step of a build runs without confinement");
  if (security != nullptr && *security != "sandbox")
    throw Error("--security=" + base::escape_control(*security) + " is not known").with_hint("sandbox");
  for (const auto& flag : instruction.flags)
    if (flag.name == "device") throw Error("--device is refused: a step of a build gets no devices of this machine");
}

// "<<NAME" and nothing else; a number of a descriptor may stand before it, and the name may be quoted.
bool is_one_heredoc(const parser::Run& run) {
  if (!run.command.shell || run.heredocs.size() != 1) return false;
  std::string_view text = base::trim(run.command.words.front());
  text.remove_prefix(std::min(text.find_first_not_of("0123456789"), text.size()));
  if (!text.starts_with("<<")) return false;
  text.remove_prefix(2);
  if (text.starts_with('-')) text.remove_prefix(1);
  text = base::trim(text);
  char quote = 0;
  for (const char c : text) {
    if (quote == 0 && (c == ' ' || c == '\t' || c == '<' || c == ';' || c == '|' || c == '&' || c == '>')) return false;
    if (quote == 0 && (c == '"' || c == '\''))
      quote = c;
    else if (c == quote)
      quote = 0;
  }
  return true;
}

// The text for the shell. A here-document alone is the script itself; beside other words the shell reads it as its own.
std::string shell_text(const parser::Run& run) {
  if (is_one_heredoc(run)) return run.heredocs.front().content;
  std::string text = run.command.words.front();
  for (const auto& heredoc : run.heredocs) text += "\n" + heredoc.content + heredoc.name;
  return text;
}

void set_command(RunStep& step, const parser::Run& run, std::vector<std::string> shell) {
  if (!run.command.shell) {
    step.arguments = run.command.words;
    return;
  }
  if (is_one_heredoc(run) && run.heredocs.front().content.starts_with("#!")) {
    step.script = run.heredocs.front().content;
    step.arguments = {script_directory + run.heredocs.front().name};
    return;
  }
  step.arguments = std::move(shell);
  step.arguments.push_back(shell_text(run));
}

}  // namespace

void StageBuilder::apply(const parser::Run& run, const Instruction& instruction) {
  if (result_.layers.empty()) throw Error("there is no program to run: the image has no files yet");
  const auto* security = flag(instruction, "security");
  check_confinement(instruction, security);
  RunStep step;
  set_command(step, run, shell());
  step.environment = result_.scope.run_environment(result_.config.env);
  step.proxies = result_.scope.proxies(result_.config.env);
  step.user = result_.config.user;
  step.working_directory = result_.config.working_dir.empty() ? "/" : result_.config.working_dir;
  step.network = network_of(flag(instruction, "network"), shop_.options.network);
  step.add_hosts = shop_.options.add_hosts;
  std::vector<MountSource> sources;
  for (const auto& each : instruction.flags) {
    if (each.name != "mount") continue;
    step.mounts.push_back(run_mount(each));
    sources.push_back(mount_source(step.mounts.back(), each.position));
  }
  execute(step, sources);
}

parser::RunMount StageBuilder::run_mount(const parser::Flag& flag) const {
  auto mount = parser::parse_run_mount({flag.value.value_or(""), flag.position}, lookup(), shop_.parsed.escape);
  // The defaults of secret and ssh are the mount's own.
  if (mount.target.empty()) return mount;
  mount.target = absolute(mount.target);
  if (mount.target.size() > 1 && mount.target.ends_with('/')) mount.target.pop_back();
  if (mount.target == "/")
    mistake(file_at(shop_.parsed, flag.position, shop_.context.file), flag.position,
            "nothing can be mounted over the root of the image");
  return mount;
}

MountSource StageBuilder::mount_source(const parser::RunMount& mount, const base::Position& position) const {
  const bool seeded = mount.type == parser::MountType::cache && !mount.from.empty();
  if (mount.type != parser::MountType::bind && !seeded) return {};
  const Origin origin =
      origin_named(shop_.graph, stage_, mount.from, position, file_at(shop_.parsed, position, shop_.context.file));
  if (origin.kind == Origin::Kind::stage || origin.kind == Origin::Kind::image) {
    const Layers layers = layers_of(origin);
    return source_in_layers(mount.source, lower_directories(layers.layers), layers.chain);
  }
  const InputTree tree = shop_.tree(origin);
  return source_in_tree(mount.source, tree.root, tree.ignore, tree.hashes);
}

// Layers never change, so the chain of a stage needs no look at its files. Other layers may still show the same where
// the mount looks: then the second key, by content, finds the result.
void StageBuilder::execute(const RunStep& step, const std::vector<MountSource>& sources) {
  std::vector<std::string> mounted;
  for (std::size_t i = 0; i < sources.size(); ++i)
    mounted.push_back(step.mounts[i].type == parser::MountType::bind ? sources[i].key : "");
  const std::string quick = key_of(step, result_.chain, mounted);
  if (reuse(quick)) return;
  for (std::size_t i = 0; i < sources.size(); ++i)
    if (!mounted[i].empty() && sources[i].kind == MountSource::Kind::layers && !sources[i].path.empty())
      mounted[i] = content_key(sources[i]);
  const std::string key = key_of(step, result_.chain, mounted);
  bool changed = false;
  if (key == quick || !reuse(key))
    make(key, [&](const image::LayerDraft& draft) {
      const RunOrder order{step, sources, lower_directories(result_.layers), shop_.options, &shop_.stop};
      run_step(shop_.engine, order, draft,
               [&](std::string_view bytes) { tell(Event::Kind::output, std::string(bytes)); });
      changed = std::any_of(sources.begin(), sources.end(), has_changed);
    });
  if (changed) {
    store::remove_file(shop_.engine.locations().cache() + "/" + key);
    tell(Event::Kind::warning,
         "files of the context changed while the step used them: its result is not kept in the cache");
  } else if (key != quick) {
    remember(quick, result_.layers.back());
  }
}

}  // namespace conductor::builder
