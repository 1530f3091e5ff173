// Words that variables are expanded in must be well-formed whatever the variables hold.
#include "parser/conductorfile_words.hpp"

namespace conductor::parser {
namespace {

void check_word(const Word& word, char escape, Diagnostics& diagnostics) {
  try {
    expand(word, [](const std::string&) { return std::optional<std::string>("x"); }, escape);
  } catch (const base::SourceError& problem) {
    for (const auto& diagnostic : problem.diagnostics())
      diagnostics.error(diagnostic.position, diagnostic.message, diagnostic.hint);
  }
}

struct WordCheck {
  char escape;
  Diagnostics& diagnostics;

  void operator()(const From& from) const { check(from.image); }
  void operator()(const Copy& copy) const {
    for (const auto& source : copy.sources) check(source);
    check(copy.destination);
  }
  void operator()(const Env& env) const { check(env.variables); }
  void operator()(const Label& label) const { check(label.labels); }
  void operator()(const Workdir& workdir) const { check(workdir.path); }
  void operator()(const User& user) const { check(user.user); }
  void operator()(const Expose& expose) const {
    for (const auto& port : expose.ports) check(port);
  }
  void operator()(const Arg& arg) const {
    for (const auto& [name, value] : arg.declarations)
      if (value) check(*value);
  }
  void operator()(const Volume& volume) const {
    for (const auto& path : volume.paths) check(path);
  }
  void operator()(const Stopsignal& stopsignal) const { check(stopsignal.signal); }
  void operator()(const Shell&) const {}
  void operator()(const Healthcheck&) const {}
  void operator()(const Onbuild&) const {}
  void operator()(const Maintainer&) const {}
  // The shell's business.
  void operator()(const Run&) const {}
  void operator()(const Cmd&) const {}
  void operator()(const Entrypoint&) const {}

 private:
  void check(const Word& word) const { check_word(word, escape, diagnostics); }
  void check(const std::vector<KeyValue>& pairs) const {
    for (const auto& [key, value] : pairs) check(key), check(value);
  }
};

}  // namespace

void check_words(const Statement& statement, char escape, Diagnostics& diagnostics) {
  std::visit(WordCheck{escape, diagnostics}, statement);
}

}  // namespace conductor::parser
