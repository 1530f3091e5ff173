// FROM.
#include "builder/cache_key.hpp"
#include "builder/history.hpp"
#include "builder/stage_builder.hpp"

namespace conductor::builder {

// The triggers of what it stands on, and the files of a named context, are instructions of this stage already
// (stages.cpp).
void StageBuilder::apply(const parser::From&, const Instruction&) {
  if (stage_.base_stage) {
    result_ = shop_.results.at(*stage_.base_stage);
    result_.traces.clear();
    result_.config.on_build.clear();
    return;
  }
  result_.scope = Scope(shop_.options.args, shop_.graph.globals);
  const image::Image& base = shop_.sources.image(stage_.base_context.empty() ? stage_.base : "scratch");
  result_.config = base.config;
  result_.author = base.author;
  result_.history = complete_history(base, stage_.base);
  result_.layers = base.layers;
  result_.chain = chain_of_image(base.id, shop_.newest);
  result_.config.on_build.clear();
  if (!find_variable(result_.config.env, "PATH")) set_variable(result_.config.env, "PATH", default_path);
}

}  // namespace conductor::builder
