// commit and diff.
#include "base/error.hpp"
#include "base/text.hpp"
#include "builder/changes.hpp"
#include "cli/commands.hpp"
#include "cli/image_view.hpp"
#include "cli/output.hpp"
#include "engine/changes.hpp"

namespace conductor::cli {

namespace {

std::string_view letter(engine::ChangeKind kind) {
  switch (kind) {
    case engine::ChangeKind::added:
      return "A";
    case engine::ChangeKind::removed:
      return "D";
    case engine::ChangeKind::changed:
      break;
  }
  return "C";
}

}  // namespace

int diff(Invocation& call) {
  std::string name, format;
  call.options().option("--format", format, "json or a template", "FORMAT");
  call.options().word("CONTAINER", name);
  call.parse();
  engine::Engine& engine = call.engine();
  std::vector<base::Json> rows;
  for (const auto& change : engine::changes_of(engine, engine.find(name)))
    rows.push_back(base::Json::object().set("Kind", letter(change.kind)).set("Path", change.path));
  print(render_list({}, rows, format.empty() ? "{{.Kind}} {{.Path}}" : format));
  return 0;
}

int commit(Invocation& call) {
  engine::Commit wanted;
  std::string name, reference;
  std::vector<std::string> changes;
  bool no_pause = false;
  call.options().option("-a,--author", wanted.author, "who made it", "NAME");
  call.options().option("-m,--message", wanted.message, "what for", "TEXT");
  call.options().flag("-p,--pause", wanted.pause, "the container stands still meanwhile; --pause=false: it does not");
  call.options().flag("--no-pause", no_pause, "the container goes on meanwhile");
  call.options().option("-c,--change", changes, "an instruction: ENV, CMD, ENTRYPOINT, USER …", "INSTRUCTION");
  call.options().word("CONTAINER", name);
  call.options().optional_word("NAME[:TAG]", reference);
  call.parse();
  if (no_pause) wanted.pause = false;
  std::vector<image::Reference> names;
  if (!reference.empty()) names.push_back(image::parse_reference(reference));
  const auto instructions = builder::read_changes(changes);
  wanted.change = [&](image::Config& config) { builder::apply_changes(instructions, config); };
  engine::Engine& engine = call.recovered_engine();
  print_line(image_digest(engine::commit(engine, engine.find(name), wanted, names)));
  return 0;
}

}  // namespace conductor::cli
