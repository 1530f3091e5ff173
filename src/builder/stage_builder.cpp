#include "builder/stage_builder.hpp"

#include "base/text.hpp"
#include "base/units.hpp"
#include "builder/cache_key.hpp"

#include <cerrno>
#include <chrono>

namespace conductor::builder {
namespace {

using base::Error;

constexpr std::size_t title_size = 80;

// The first line of an instruction, short enough for a message.
std::string title_of(const parser::Instruction& instruction) {
  std::string title = instruction.text.substr(0, instruction.text.find('\n'));
  if (title.size() > title_size) title = title.substr(0, title_size) + "…";
  return base::escape_control(title);
}

Error failed_step(const Error& error, const parser::Instruction& instruction, const SourceFile& file) {
  std::string hint = error.hint();
  if (error.code() == ENOSPC || error.code() == EDQUOT) hint = "the disk that holds the images is full";
  const base::Diagnostic diagnostic{instruction.position, title_of(instruction) + ": " + error.message(), hint,
                                    base::Severity::error};
  return Error(base::render(diagnostic, file.text));
}

}  // namespace

StageResult StageBuilder::build() {
  for (const auto* instruction : stage_.instructions) run(*instruction);
  return std::move(result_);
}

void StageBuilder::run(const Instruction& instruction) {
  ++step_;
  tell(Event::Kind::began, instruction.text);
  try {
    // An instruction without an overload does not compile.
    std::visit([&](const auto& statement) { apply(statement, instruction); }, instruction.statement);
  } catch (const base::SourceError&) {
    throw;
  } catch (const Error& error) {
    throw failed_step(error, instruction, shop_.context.file);
  }
}

void StageBuilder::tell(Event::Kind kind, std::string text) const {
  Event event;
  event.kind = kind;
  event.step = step_;
  event.steps = static_cast<int>(stage_.instructions.size());
  event.stage = stage_.title();
  event.text = std::move(text);
  if (shop_.listener) shop_.listener(event);
}

parser::Lookup StageBuilder::lookup() const {
  return [this](const std::string& name) { return result_.scope.lookup(name, result_.config.env); };
}

std::string StageBuilder::expand(const parser::Word& word) const {
  return parser::expand(word, lookup(), shop_.parsed.escape);
}

std::string StageBuilder::absolute(const std::string& path) const {
  const std::string& directory = result_.config.working_dir;
  const std::string whole = path.starts_with('/') ? path : (directory.empty() ? "/" : directory) + "/" + path;
  std::vector<std::string> names;
  for (auto& name : base::split(whole, '/')) {
    if (name == ".." && !names.empty()) names.pop_back();
    if (!name.empty() && name != "." && name != "..") names.push_back(std::move(name));
  }
  const std::string result = "/" + base::join(names, "/");
  const std::string last = path.substr(path.rfind('/') + 1);  // npos + 1 is 0: the whole path
  const bool directory_meant = last.empty() || last == "." || last == "..";
  return directory_meant && result != "/" ? result + "/" : result;
}

const std::string* StageBuilder::flag(const Instruction& instruction, std::string_view name) const {
  for (const auto& candidate : instruction.flags)
    if (candidate.name == name && candidate.value) return &*candidate.value;
  return nullptr;
}

std::vector<std::string> StageBuilder::lower_directories(const std::vector<std::string>& layers) const {
  image::Image image;
  image.layers = layers;
  return shop_.engine.images().lower_directories(image);
}

// A step that changed nothing is remembered as the layer it stood on: adding that one again adds none.
void StageBuilder::add_layer(const std::string& layer) {
  if (!result_.layers.empty() && result_.layers.back() == layer) return;
  result_.layers.push_back(layer);
  result_.chain = chain_with_layer(result_.chain, layer);
}

bool StageBuilder::reuse(const std::string& key) {
  if (shop_.options.no_cache) return false;
  const auto layer = shop_.engine.images().find_step(key);
  if (!layer) return false;
  add_layer(*layer);
  tell(Event::Kind::cached, "");
  return true;
}

void StageBuilder::make(const std::string& key, const Fill& fill) {
  auto& images = shop_.engine.images();
  const auto begin = std::chrono::steady_clock::now();
  image::LayerDraft draft(shop_.engine.locations());
  const DraftState before(draft);
  fill(draft);
  std::optional<std::string> layer;
  // Another build that did the same at the same time was first: going on from its layer keeps both on common ground.
  if (!shop_.options.no_cache) layer = images.find_step(key);
  if (!layer && !result_.layers.empty() && before.unchanged(draft)) layer = result_.layers.back();
  if (!layer) layer = images.commit(std::move(draft));
  images.remember_step(key, *layer);
  add_layer(*layer);
  const auto taken = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
  tell(Event::Kind::done, base::format_duration(taken));
}

}  // namespace conductor::builder
