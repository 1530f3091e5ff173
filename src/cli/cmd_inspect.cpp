// inspect and rename.
#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/container_view.hpp"
#include "cli/image_view.hpp"
#include "cli/network_view.hpp"
#include "cli/output.hpp"
#include "cli/volume_view.hpp"
#include "store/records.hpp"

#include <algorithm>
#include <optional>
#include <vector>

namespace conductor::cli {

namespace {

// All images, listed once for all that are asked for.
class ImageList {
 public:
  const std::vector<image::Listed>& of(const image::Images& images) {
    if (!list_) list_ = images.list();
    return *list_;
  }

 private:
  std::optional<std::vector<image::Listed>> list_;
};

struct Wanted {
  std::string type;  // empty: any
  bool size = false;
};

base::Json container_json(engine::Engine& engine, const engine::Container& container, bool with_size) {
  base::Json json = inspected(engine, engine.observe(container));
  if (!with_size) return json;
  const ContainerSize size = size_of(engine, container);
  return json.set("SizeRw", size.written).set("SizeRootFs", size.whole);
}

base::Json inspect_one(engine::Engine& engine, ImageList& list, const std::string& name, const Wanted& wanted) {
  const std::string& type = wanted.type;
  if (type.empty() || type == "container")
    if (const auto container = engine.try_find(name)) return container_json(engine, *container, wanted.size);
  if (type.empty() || type == "image")
    if (const auto image = engine.images().find(name))
      return inspected(engine.images(), list.of(engine.images()), *image);
  if (type.empty() || type == "network")
    if (const auto network = store::valid_name(name) ? engine.network().find_network(name) : std::nullopt)
      return inspected(engine, *network);
  if (type.empty() || type == "volume")
    if (const auto volume = engine.volumes().find(name)) return inspected(engine, *volume);
  if (type == "container") engine.find(name);  // throws with what was meant
  throw base::Error("there is no " + std::string(type.empty() ? "container, image, network or volume" : type) + " '" +
                    base::escape_control(name) + "'");
}

}  // namespace

int inspect(Invocation& call) {
  std::string format;
  Wanted wanted;
  std::vector<std::string> names;
  call.options().option("-f,--format", format, "json or a template", "FORMAT");
  call.options().option("--type", wanted.type, "container, image, network or volume", "TYPE");
  call.options().flag("-s,--size", wanted.size, "how much a container has written, and its whole size");
  call.options().words("NAME", names, 1);
  call.parse();
  const std::vector<std::string> types = {"", "container", "image", "network", "volume"};
  if (std::find(types.begin(), types.end(), wanted.type) == types.end())
    throw base::Error("option --type takes container, image, network or volume").with_exit_code(base::exit_usage);

  base::Json found = base::Json::array();
  ImageList list;
  int code = 0;
  for (const auto& name : names) {
    try {
      base::Json one = inspect_one(call.engine(), list, name, wanted);
      if (!format.empty() && format != "json") print_line(expand_template(format, one));
      found.add(std::move(one));
    } catch (const base::Error& e) {
      say(base::escape_control(e.message()));
      code = 1;
    }
  }
  constexpr int indent = 4;
  if (format.empty() || format == "json") print_line(found.dump(indent));
  return code;
}

int rename(Invocation& call) {
  std::string old_name, new_name;
  call.options().word("CONTAINER", old_name);
  call.options().word("NAME", new_name);
  call.parse();
  engine::Engine& engine = call.recovered_engine();
  engine.rename(engine.resolve(old_name), new_name);
  return 0;
}

}  // namespace conductor::cli
