// COPY, ADD and WORKDIR.
#include "base/text.hpp"
#include "builder/cache_key.hpp"
#include "builder/copy.hpp"
#include "builder/copy_inputs.hpp"
#include "builder/stage_builder.hpp"

#include <cstdlib>

namespace conductor::builder {
namespace {

using base::Error;

const parser::Flag* find_flag(const parser::Instruction& instruction, std::string_view name) {
  for (const auto& flag : instruction.flags)
    if (flag.name == name) return &flag;
  return nullptr;
}

// --name, --name=true or --name=false; nothing when it is not given.
std::optional<bool> switch_of(const parser::Instruction& instruction, std::string_view name) {
  const auto* flag = find_flag(instruction, name);
  if (flag == nullptr) return std::nullopt;
  const std::string value = base::lower(flag->value.value_or("true"));
  if (value != "true" && value != "false")
    throw Error("--" + flag->name + " is true or false, not " + base::escape_control(*flag->value));
  return value == "true";
}

// The agent of --ssh default, else ours.
std::string ssh_socket(const BuildOptions& options) {
  for (const auto& source : options.ssh)
    if (source.id == "default" && !source.socket.empty()) return source.socket;
  const char* agent = std::getenv("SSH_AUTH_SOCK");
  return agent != nullptr ? agent : "";
}

// Without a user of that name in the image the directory is root's: nothing can run as that user yet anyway.
Owner owner_of(const linux::RootFd& image, const std::string& user) {
  try {
    return user.empty() ? Owner{} : resolve_owner(image, user);
  } catch (const Error&) {
    return {};
  }
}

}  // namespace

CopyStep StageBuilder::copy_step(const parser::Copy& copy, const Instruction& instruction) const {
  CopyStep step;
  step.from = origin_of(shop_.graph, stage_, instruction, shop_.context.file);
  std::size_t heredoc = 0;
  for (const auto& source : copy.sources) {
    if (heredoc < copy.heredocs.size() && source.text == "<<" + copy.heredocs[heredoc].name) {
      const auto& document = copy.heredocs[heredoc++];
      step.inline_files.push_back({document.name, document.expand
                                                      ? parser::expand_document(document, lookup(), shop_.parsed.escape)
                                                      : document.content});
    } else {
      step.sources.push_back(expand(source));
    }
  }
  step.destination = absolute(expand(copy.destination));
  if (step.sources.size() + step.inline_files.size() > 1 && !step.destination.ends_with('/'))
    throw Error("several sources are copied to one name").with_hint("end the destination with '/'");
  for (const auto& flag : instruction.flags) {
    const std::string value = flag.value ? expand({*flag.value, flag.position}) : "";
    if (value.empty()) continue;
    if (flag.name == "chown") step.chown = value;
    if (flag.name == "chmod") step.chmod = ModeChange::parse(value);
    if (flag.name == "exclude") step.exclude.push_back(value);
    if (flag.name == "checksum") step.checksum = value;
  }
  step.link = switch_of(instruction, "link").value_or(false);
  step.parents = switch_of(instruction, "parents").value_or(false);
  step.unpack = switch_of(instruction, "unpack");
  step.keep_git = switch_of(instruction, "keep-git-dir");
  // As the reference's builder: a mode is given to what is there in the end, so the step needs what is below it.
  if (step.chmod) step.link = false;
  return step;
}

void StageBuilder::apply(const parser::Copy& copy, const Instruction& instruction) {
  const CopyStep step = copy_step(copy, instruction);
  for (const auto& source : step.sources)
    if (source.starts_with("http://") || source.starts_with("https://"))
      throw Error(base::escape_control(source) + " is a URL").with_hint("ADD fetches it");
  if (step.from.kind == Origin::Kind::stage || step.from.kind == Origin::Kind::image)
    return copy_from_layers(step, layers_of(step.from));
  copy_from_tree(step, shop_.tree(step.from));
}

void StageBuilder::apply(const parser::Add& add, const Instruction& instruction) {
  CopyStep step = copy_step(add, instruction);
  step.add = true;
  if (!step.checksum.empty() && (step.sources.size() != 1 || !is_remote_source(step.sources.front())))
    throw Error("--checksum is for one source, a URL or a repository");
  copy_from_tree(step, shop_.tree({}));
}

void StageBuilder::copy_from_tree(const CopyStep& step, const InputTree& from) {
  const Outside outside{shop_.engine.locations(),
                        !cache_is_off(),
                        ssh_socket(shop_.options),
                        &shop_.stop,
                        [this](const std::string& what, std::int64_t current, std::int64_t total) {
                          tell_progress(what, current, total);
                        },
                        {},
                        {}};
  CopyInputs inputs(step, from, outside);
  for (const auto& pattern : inputs.unmatched())
    tell(Event::Kind::note, "no file matches " + base::escape_control(pattern));
  if (inputs.nothing()) return;
  // A layer made on nothing is the same on every other one, unless there is nothing in it.
  const bool link = step.link && inputs.makes_entries();
  const std::string chain = link ? chain_of_image("scratch", shop_.newest) : result_.chain;
  std::string key = inputs.key(chain);
  bool done = reuse(key);
  if (!done && !inputs.fetch()) {
    key = inputs.key(chain);
    done = reuse(key);
  }
  for (const auto& remote : inputs.remote()) shop_.saw_download(remote.source(), remote.known_identity());
  if (done) return;
  const auto lower = link || result_.layers.empty() ? std::vector<std::string>{} : lower_directories(result_.layers);
  make(key, [&](const image::LayerDraft& draft) { inputs.perform(lower, draft); });
}

// Layers never change, so what came from the same ones before needs no look at the files. Other layers may still hold
// the same files: then the second key, by content, finds the result.
void StageBuilder::copy_from_layers(const CopyStep& step, const Layers& origin) {
  const std::string quick = key_of(step, result_.chain, origin.chain);
  if (reuse(quick)) return;
  const linux::RootFd from = open_layers(lower_directories(origin.layers));
  const parser::IgnoreRules none;
  ContentHashes hashes{{}};
  copy_from_tree(step, {from, none, hashes});
  if (!result_.layers.empty()) remember(quick, result_.layers.back());
}

// The directories are the user's, as the reference's builder makes them.
void StageBuilder::apply(const parser::Workdir& workdir, const Instruction&) {
  const std::string given = expand(workdir.path);
  if (given.empty()) throw Error("the directory is empty").with_hint("a variable has no value");
  std::string path = absolute(given);
  if (path.size() > 1 && path.ends_with('/')) path.pop_back();
  result_.config.working_dir = path;
  const WorkdirStep step{path, result_.config.user};
  const std::string key = key_of(step, result_.chain);
  if (path == "/" || reuse(key)) return;
  const auto lower = lower_directories(result_.layers);
  make(key, [&](const image::LayerDraft& draft) {
    const linux::RootFd tree = result_.layers.empty() ? linux::RootFd::open(draft.upper()) : open_draft(lower, draft);
    make_directories(tree, step.path, owner_of(tree, step.user));
  });
}

}  // namespace conductor::builder
