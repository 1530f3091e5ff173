// cp and export.
#include "base/error.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "builder/output_file.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "engine/files.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace conductor::cli {

namespace {

struct Place {
  std::string container;  // empty: of this machine
  std::string path;
};

// "NAME:PATH" is a container's, unless it can only be a path: "./a:b", "/a:b", ".".
Place read_place(const std::string& text) {
  const auto colon = text.find(':');
  const bool local = text.starts_with('/') || text.starts_with('.') || text.find('/') < colon;
  if (colon == std::string::npos || colon == 0 || local) return {"", text};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

void refuse(const std::string& message) { throw base::Error(message).with_exit_code(base::exit_usage); }

void check_places(const Place& from, const Place& to) {
  if (!from.container.empty() && !to.container.empty())
    refuse("cp between two containers is not supported: copy to this machine first");
  if (from.container.empty() && to.container.empty())
    refuse("cp needs a container on one side: conductor cp NAME:PATH PATH, or PATH NAME:PATH");
  if (from.path.empty() || to.path.empty()) refuse("cp needs a path on both sides");
}

void refuse_terminal() {
  if (isatty(STDOUT_FILENO) == 1) refuse("an archive is not written to a terminal: name a file, or use a pipe");
}

}  // namespace

int copy(Invocation& call) {
  engine::CopyOptions options;
  bool quiet = false;
  std::string source, target;
  call.options().flag("-a,--archive", options.archive, "keep owners, set-id bits, devices and attributes");
  call.options().flag("-L,--follow-link", options.follow, "a link as the source stands for what it leads to");
  call.options().flag("-q,--quiet", quiet, "say nothing when it is done");
  call.options().word("SOURCE", source);
  call.options().word("TARGET", target);
  call.options().note("One of them is CONTAINER:PATH; the other a path, or - for a tar archive");
  call.parse();
  const Place from = read_place(source), to = read_place(target);
  check_places(from, to);
  engine::Engine& engine = call.recovered_engine();
  const bool out = !from.container.empty();
  const auto container = engine.find(out ? from.container : to.container);
  volume::Copied copied;
  if (out && to.path == "-") {
    refuse_terminal();
    engine::archive_out(engine, container, from.path, options, STDOUT_FILENO);
    return 0;
  }
  if (out)
    copied = engine::copy_out(engine, container, from.path, to.path, options);
  else if (from.path == "-")
    copied = engine::archive_in(engine, container, STDIN_FILENO, to.path);
  else
    copied = engine::copy_in(engine, container, from.path, to.path, options);
  if (!quiet)
    print_error("Successfully copied " + base::format_size(copied.bytes) + " to " + base::escape_control(target));
  return 0;
}

int export_container(Invocation& call) {
  std::string output, name;
  call.options().option("-o,--output", output, "the archive goes to that file", "FILE");
  call.options().word("CONTAINER", name);
  call.parse();
  if (output.empty()) refuse_terminal();
  engine::Engine& engine = call.recovered_engine();
  const auto container = engine.find(name);
  builder::OutputFile file(output.empty() ? "-" : output);
  engine::export_tree(engine, container, file.descriptor());
  file.publish();
  return 0;
}

}  // namespace conductor::cli
