// images, history, tag, rmi and rmcache.
#include "base/error.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "cli/commands.hpp"
#include "cli/image_view.hpp"
#include "cli/output.hpp"

namespace conductor::cli {

int images(Invocation& call) {
  bool quiet = false, whole = false, all = false;
  std::string format, wanted;
  call.options().flag("-q,--quiet", quiet, "ids alone");
  call.options().flag("-a,--all", all, "accepted as docker's; all are shown anyway");
  call.options().flag("--no-trunc", whole, "whole ids");
  call.options().option("--format", format, "table, json or a template", "FORMAT");
  call.options().unsupported("-f --filter --digests --tree");
  call.options().optional_word("NAME[:TAG]", wanted);
  call.parse();

  const std::int64_t now = base::now_unix_ns();
  std::vector<base::Json> rows;
  for (const auto& image : call.engine().images().list())
    if (wanted.empty() || image.reference.name == wanted || image.reference.text() == wanted)
      rows.push_back(listed(image, whole, now));
  const std::vector<Column> columns = {
      {"REPOSITORY", "Repository"}, {"TAG", "Tag"}, {"IMAGE ID", "ID"}, {"CREATED", "CreatedSince"}, {"SIZE", "Size"}};
  print(render_list(columns, rows, quiet ? "{{.ID}}" : format));
  return 0;
}

int history(Invocation& call) {
  bool quiet = false, human = true;
  HistoryStyle style;
  std::string format, name;
  call.options().flag("-H,--human", human, "sizes and ages for people; --human=false for programs");
  call.options().flag("--no-trunc", style.whole, "whole instructions and ids");
  call.options().flag("-q,--quiet", quiet, "ids alone");
  call.options().option("--format", format, "table, json or a template", "FORMAT");
  call.options().refused("--platform", "an image is for one platform: that of this machine");
  call.options().word("IMAGE", name);
  call.parse();
  style.human = human;

  const auto& images = call.engine().images();
  const auto image = images.find(name);
  if (!image) throw base::Error("no such image: " + base::escape_control(name)).with_exit_code(1);
  const auto rows = history_rows(
      *image, [&](const std::string& layer) { return images.layer_size(layer); }, style, base::now_unix_ns());
  const std::vector<Column> columns = {{"IMAGE", "ID"},
                                       {"CREATED", "CreatedSince"},
                                       {"CREATED BY", "CreatedBy"},
                                       {"SIZE", "Size"},
                                       {"COMMENT", "Comment"}};
  print(render_list(columns, rows, quiet ? "{{.ID}}" : format));
  return 0;
}

int tag(Invocation& call) {
  std::string source, target;
  call.options().word("IMAGE", source);
  call.options().word("NAME[:TAG]", target);
  call.parse();
  auto& images = call.recovered_engine().images();
  const auto image = images.find(source);
  if (!image) throw base::Error("no such image: " + base::escape_control(source));
  images.tag(*image, image::parse_reference(target));
  return 0;
}

int remove_image(Invocation& call) {
  bool force = false;
  std::vector<std::string> names;
  call.options().flag("-f,--force", force, "also when a container that does not run was made of it");
  call.options().unsupported("--no-prune");
  call.options().words("IMAGE", names, 1);
  call.parse();
  engine::Engine& engine = call.recovered_engine();
  const auto user_of = [&](const std::string& image) -> std::optional<std::string> {
    for (const auto& observed : engine.list()) {
      if (observed.container.image_id != image) continue;
      const bool active =
          observed.status.phase == monitor::Phase::running || observed.status.phase == monitor::Phase::restarting;
      if (active || !force) return observed.container.config.name;
    }
    return std::nullopt;
  };
  int code = 0;
  for (const auto& name : names) {
    try {
      for (const auto& line : engine.images().remove(name, user_of)) print_line(line);
    } catch (const base::Error& e) {
      say(base::escape_control(e.message()));
      if (!e.hint().empty()) print_error("  " + e.hint());
      code = 1;
    }
  }
  return code;
}

int remove_cache(Invocation& call) {
  call.parse();
  engine::Engine& engine = call.recovered_engine();
  std::vector<std::string> layers;
  for (const auto& observed : engine.list())
    layers.insert(layers.end(), observed.container.layers.begin(), observed.container.layers.end());
  print_line("Reclaimed space: " + base::format_size(engine.images().remove_cache(layers)));
  return 0;
}

}  // namespace conductor::cli
