#include "builder/stage_builder.hpp"

#include "base/text.hpp"
#include "builder/cache_key.hpp"
#include "builder/history.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>

namespace conductor::builder {
namespace {

using base::Error;
using parser::Statement;

// What people wait for; the others only change what the image says about itself.
bool is_shown(const Statement& statement) {
  return std::holds_alternative<parser::From>(statement) || std::holds_alternative<parser::Run>(statement) ||
         std::holds_alternative<parser::Copy>(statement) || std::holds_alternative<parser::Add>(statement) ||
         std::holds_alternative<parser::Workdir>(statement);
}

// A lock on the making of one step, whose file goes with it.
class StepLock {
 public:
  StepLock(std::string path, const linux::Cancellation& stop, const std::function<void()>& waiting)
      : path_(std::move(path)), lock_(take(path_, stop, waiting)) {}
  ~StepLock() { lock_.remove(path_); }
  StepLock(const StepLock&) = delete;
  StepLock& operator=(const StepLock&) = delete;

 private:
  static store::Lock take(const std::string& path, const linux::Cancellation& stop,
                          const std::function<void()>& waiting) {
    if (auto lock = store::Lock::try_acquire(path)) return std::move(*lock);
    waiting();
    return store::Lock::wait(path, &stop);
  }

  std::string path_;
  store::Lock lock_;
};

}  // namespace

InputTree Workshop::tree(const Origin& origin) const {
  if (origin.kind == Origin::Kind::named) return sources.tree(origin.name);
  return {context.root, context.ignore, hashes};
}

StageResult StageBuilder::build() {
  steps_ = static_cast<int>(
      std::ranges::count_if(stage_.instructions, [](const auto* each) { return is_shown(each->statement); }));
  for (const auto* instruction : stage_.instructions) run(*instruction);
  return std::move(result_);
}

void StageBuilder::run(const Instruction& instruction) {
  shop_.stop.check();
  vertex_ = 0;
  executed_ = std::holds_alternative<parser::From>(instruction.statement);
  if (is_shown(instruction.statement)) {
    ++step_;
    vertex_ = ++shop_.vertices;
    tell(Event::Kind::began, instruction.text);
  }
  const auto begin = std::chrono::steady_clock::now();
  const auto end = [&](Event::Kind kind) {
    if (vertex_ == 0 || !shop_.listener) return;
    Event ended = event(kind);
    ended.took = std::chrono::steady_clock::now() - begin;
    shop_.listener(ended);
  };
  try {
    perform(instruction);
  } catch (...) {
    end(Event::Kind::failed);
    throw;
  }
  end(executed_ ? Event::Kind::done : Event::Kind::cached);
}

void StageBuilder::perform(const Instruction& instruction) {
  const std::size_t layers = result_.layers.size();
  try {
    // An instruction without an overload does not compile.
    std::visit([&](const auto& statement) { apply(statement, instruction); }, instruction.statement);
  } catch (const base::SourceError&) {
    throw;
  } catch (const Error& error) {
    throw failure_of(instruction, error, file_at(shop_.parsed, instruction.position, shop_.context.file));
  }
  if (!std::holds_alternative<parser::From>(instruction.statement)) record(instruction, layers);
}

// A step adds one layer at most.
void StageBuilder::record(const Instruction& instruction, std::size_t layers_before) {
  const bool empty = result_.layers.size() == layers_before;
  result_.history.push_back({shop_.newest.value_or(0), created_by(instruction, result_.config), "", empty});
  result_.traces.push_back({&instruction, empty ? "" : result_.layers.back()});
}

Event StageBuilder::event(Event::Kind kind) const {
  Event result;
  result.kind = kind;
  result.vertex = vertex_;
  result.step = vertex_ != 0 ? step_ : 0;
  result.steps = vertex_ != 0 ? steps_ : 0;
  result.stage = stage_.title();
  return result;
}

void StageBuilder::tell(Event::Kind kind, std::string text) const {
  if (!shop_.listener) return;
  Event told = event(kind);
  told.text = std::move(text);
  shop_.listener(told);
}

void StageBuilder::tell_progress(std::string what, std::int64_t current, std::int64_t total, std::string unit) const {
  if (!shop_.listener) return;
  Event told = event(Event::Kind::progress);
  told.text = std::move(what);
  told.current = current;
  told.total = total;
  told.unit = std::move(unit);
  shop_.listener(told);
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

std::vector<std::string> StageBuilder::shell() const { return shell_of(result_.config); }

StageBuilder::Layers StageBuilder::layers_of(const Origin& origin) const {
  if (origin.kind == Origin::Kind::stage) {
    const StageResult& stage = shop_.results.at(origin.stage);
    return {stage.layers, stage.chain};
  }
  const image::Image& image = shop_.sources.image(origin.image);
  return {image.layers, chain_of_image(image.id)};
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

bool StageBuilder::cache_is_off() const {
  const auto& filter = shop_.options.no_cache_filter;
  return shop_.options.no_cache || std::ranges::any_of(filter, [&](const std::string& name) {
           return base::lower(name) == stage_.name || name == std::to_string(stage_.number);
         });
}

bool StageBuilder::reuse(const std::string& key) {
  if (cache_is_off()) return false;
  const auto layer = shop_.engine.images().find_step(key);
  if (!layer) return false;
  add_layer(*layer);
  const std::lock_guard lock(shop_.mutex);
  shop_.used.insert(key);
  return true;
}

void StageBuilder::remember(const std::string& key, const std::string& layer) {
  shop_.engine.images().remember_step(key, layer);
  const std::lock_guard lock(shop_.mutex);
  shop_.made[key] = layer;
  shop_.used.insert(key);
}

// Without the cache, stages still share what this very build has made.
std::optional<std::string> StageBuilder::find_made(const std::string& key) const {
  if (!cache_is_off()) return shop_.engine.images().find_step(key);
  const std::lock_guard lock(shop_.mutex);
  const auto found = shop_.made.find(key);
  return found != shop_.made.end() ? std::optional(found->second) : std::nullopt;
}

void StageBuilder::make(const std::string& key, const Fill& fill) {
  auto& images = shop_.engine.images();
  // Builds without the cache do not wait for one another.
  const std::string owner = cache_is_off() ? "." + std::to_string(getpid()) : "";
  const StepLock turn(shop_.engine.locations().locks() + "/step-" + key + owner, shop_.stop,
                      [&] { tell(Event::Kind::note, "the same step is being made: its result will be taken"); });
  if (const auto layer = find_made(key)) {
    remember(key, *layer);
    return add_layer(*layer);
  }
  executed_ = true;
  image::LayerDraft draft(shop_.engine.locations());
  const DraftState before(draft);
  fill(draft);
  std::optional<std::string> layer;
  if (!result_.layers.empty() && before.unchanged(draft))
    layer = result_.layers.back();
  else
    layer = images.commit(std::move(draft), shop_.newest);
  remember(key, *layer);
  add_layer(*layer);
}

}  // namespace conductor::builder
