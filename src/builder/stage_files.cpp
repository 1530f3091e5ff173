// COPY and WORKDIR.
#include "base/text.hpp"
#include "base/units.hpp"
#include "builder/cache_key.hpp"
#include "builder/copy.hpp"
#include "builder/stage_builder.hpp"

#include <fcntl.h>

namespace conductor::builder {
namespace {

using base::Error;

mode_t octal_mode(const std::string& text) {
  mode_t mode = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '7' || mode > 0777)
      throw Error("--chmod takes an octal mode, not " + base::escape_control(text));
    mode = mode * 8 + static_cast<mode_t>(digit - '0');
  }
  if (text.empty()) throw Error("--chmod has no mode");
  return mode;
}

// A here-document's text keeps its quotes and escapes: both are escaped once more before the expansion takes them.
std::string expand_heredoc(const parser::Heredoc& heredoc, const parser::Lookup& lookup, char escape) {
  if (!heredoc.expand) return heredoc.content;
  std::vector<std::string> lines = base::split(heredoc.content, '\n');
  for (auto& line : lines) {
    std::string kept;
    for (std::size_t i = 0; i < line.size(); ++i) {
      const char c = line[i];
      if (c == '"' || c == '\'' || c == escape) kept += escape;
      kept += c;
      if (c == escape && i + 1 < line.size()) (kept += escape) += line[++i];
    }
    line = parser::expand({kept, heredoc.position}, lookup, escape);
  }
  return base::join(lines, "\n");
}

std::vector<std::vector<Selected>> select_all(const CopyStep& step, const linux::RootFd& from,
                                              const parser::IgnoreRules& rules) {
  std::vector<std::vector<Selected>> selected;
  std::size_t count = step.inline_files.size();
  for (const auto& source : step.sources) count += selected.emplace_back(select_files(from, rules, source)).size();
  if (count == 0) throw Error("no file matches " + base::escape_control(base::join(step.sources, " ")));
  if (count > 1 && !step.destination.ends_with('/'))
    throw Error("several files are copied to one name").with_hint("end the destination with '/'");
  return selected;
}

void perform(const CopyStep& step, const linux::RootFd& from, const std::vector<std::vector<Selected>>& selected,
             const std::vector<std::string>& lower, const image::LayerDraft& draft) {
  const linux::RootFd tree = open_draft(lower, draft), upper = linux::RootFd::open(draft.upper());
  CopyOrder order{step.destination, std::nullopt, step.chmod};
  if (!step.chown.empty())
    order.owner = resolve_owner(tree, step.chown);
  else if (step.from.kind == Origin::Kind::context)
    order.owner = Owner{};
  Copier copier(tree, upper, order);
  for (const auto& source : selected)
    for (const auto& one : source) copier.copy(from, one);
  for (const auto& file : step.inline_files) copier.write(file);
}

}  // namespace

CopyStep StageBuilder::copy_step(const parser::Copy& copy, const Instruction& instruction) const {
  CopyStep step;
  step.from = origin_of(shop_.graph, stage_, instruction, shop_.context.file);
  std::size_t heredoc = 0;
  for (const auto& source : copy.sources) {
    if (heredoc < copy.heredocs.size() && source.text == "<<" + copy.heredocs[heredoc].name) {
      const auto& document = copy.heredocs[heredoc++];
      step.inline_files.push_back({document.name, expand_heredoc(document, lookup(), shop_.parsed.escape)});
    } else {
      step.sources.push_back(expand(source));
    }
  }
  const std::string destination = expand(copy.destination);
  if (destination.empty()) throw Error("the destination is empty").with_hint("a variable has no value");
  step.destination = absolute(destination);
  if (const auto* chown = flag(instruction, "chown")) step.chown = expand({*chown, instruction.position});
  if (const auto* chmod = flag(instruction, "chmod")) step.chmod = octal_mode(expand({*chmod, instruction.position}));
  return step;
}

void StageBuilder::apply(const parser::Copy& copy, const Instruction& instruction) {
  const CopyStep step = copy_step(copy, instruction);
  if (step.from.kind == Origin::Kind::context)
    return copy_from_tree(step, shop_.context.root, shop_.context.ignore, shop_.hashes);
  if (step.from.kind == Origin::Kind::stage) {
    const StageResult& stage = shop_.results.at(step.from.stage);
    return copy_from_layers(step, stage.layers, stage.chain);
  }
  const auto image =
      shop_.engine.images().resolve(step.from.image, [&](const std::string& line) { tell(Event::Kind::note, line); });
  copy_from_layers(step, image.layers, chain_of_image(image.id));
}

void StageBuilder::copy_from_tree(const CopyStep& step, const linux::RootFd& from, const parser::IgnoreRules& rules,
                                  ContentHashes& hashes) {
  auto selected = select_all(step, from, rules);
  for (auto& source : selected) hashes.fill(from, source);
  const std::string key = key_of(step, result_.chain, selected);
  if (reuse(key)) return;
  const auto lower = lower_directories(result_.layers);
  make(key, [&](const image::LayerDraft& draft) { perform(step, from, selected, lower, draft); });
}

// Layers never change, so what came from the same ones before needs no look at the files. Other layers may still hold
// the same files: then the second key, by content, finds the result.
void StageBuilder::copy_from_layers(const CopyStep& step, const std::vector<std::string>& layers,
                                    const std::string& origin) {
  const std::string quick = key_of(step, result_.chain, origin);
  if (reuse(quick)) return;
  if (layers.empty()) throw Error("there is nothing to copy from: it has no files");
  const linux::RootFd from = open_layers(lower_directories(layers));
  ContentHashes hashes{{}};
  copy_from_tree(step, from, {}, hashes);
  if (!result_.layers.empty()) shop_.engine.images().remember_step(quick, result_.layers.back());
}

void StageBuilder::apply(const parser::Workdir& workdir, const Instruction&) {
  const std::string given = expand(workdir.path);
  if (given.empty()) throw Error("the directory is empty").with_hint("a variable has no value");
  std::string path = absolute(given);
  if (path.size() > 1 && path.ends_with('/')) path.pop_back();
  result_.config.working_dir = path;
  const WorkdirStep step{path};
  const std::string key = key_of(step, result_.chain);
  if (path == "/" || reuse(key)) return;
  const auto lower = lower_directories(result_.layers);
  make(key, [&](const image::LayerDraft& draft) { open_draft(lower, draft).make_directories(step.path, 0755); });
}

void StageBuilder::apply(const parser::Add&, const Instruction&) { throw Error("not supported yet"); }

}  // namespace conductor::builder
