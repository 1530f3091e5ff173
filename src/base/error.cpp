#include "base/error.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

namespace conductor::base {
namespace {

thread_local std::vector<std::string> contexts;

std::string context_prefix() {
  std::string text;
  for (const auto& context : contexts) text += context + ": ";
  return text;
}

std::string sentence(const std::string& what, int code) {
  std::string text = context_prefix() + what;
  if (code != 0) {
    text += ": ";
    text += strerrordesc_np(code) != nullptr ? strerrordesc_np(code) : "unknown error";
  }
  return text;
}

}  // namespace

Error::Error(const std::string& what, int code) : text_(sentence(what, code)), code_(code) {}

Error Error::from_errno(const std::string& what) {
  const int code = errno;
  return Error(what, code);
}

Error& Error::with_exit_code(int value) {
  exit_code_ = value;
  return *this;
}

Error& Error::with_hint(std::string hint) {
  hint_ = std::move(hint);
  return *this;
}

Context::Context(std::string sentence) { contexts.push_back(std::move(sentence)); }
Context::~Context() { contexts.pop_back(); }

void Collector::note(std::string message) { messages_.push_back(std::move(message)); }

void Collector::finish() const {
  if (clean()) return;
  // What was caught here already begins with the contexts that the Error below begins with.
  const std::string prefix = context_prefix();
  std::string text;
  for (const auto& message : messages_) {
    if (!text.empty()) text += "; ";
    text += message.starts_with(prefix) ? message.substr(prefix.size()) : message;
  }
  throw Error(text);
}

}  // namespace conductor::base
