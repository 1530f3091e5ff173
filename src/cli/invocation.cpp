#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "cli/commands.hpp"

namespace conductor::cli {

Invocation::Invocation(Words words, store::Locations locations)
    : words_(std::move(words)),
      locations_(std::move(locations)),
      options_(words_.command, words_.summary),
      family_(words_.command.substr(0, words_.command.find(' ')), words_.summary) {}

void Invocation::parse() {
  family_.parse(words_.family);
  options_.mention(family_);
  options_.parse(words_.arguments);
}

engine::Engine& Invocation::engine() {
  if (!engine_) engine_ = std::make_unique<engine::Engine>(locations_);
  return *engine_;
}

engine::Engine& Invocation::watchful_engine() {
  engine::Engine& ready = engine();
  try {
    if (!ready.network().stands()) ready.network().repair();
  } catch (const base::Error& e) {
    base::log(base::LogLevel::warning, "putting the network back: " + e.message());
  }
  return ready;
}

engine::Engine& Invocation::recovered_engine() {
  engine::Engine& ready = engine();
  if (!recovered_) ready.recover();
  recovered_ = true;
  return ready;
}

}  // namespace conductor::cli
