// system df and prune.
#include "base/error.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "builder/cache_mounts.hpp"
#include "cli/commands.hpp"
#include "cli/confirmation.hpp"
#include "cli/image_view.hpp"
#include "cli/output.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

namespace conductor::cli {

namespace {

namespace cache_mounts = builder::cache_mounts;

std::vector<std::string> layers_of_containers(engine::Engine& engine) {
  std::vector<std::string> layers;
  for (const auto& observed : engine.list())
    layers.insert(layers.end(), observed.container.layers.begin(), observed.container.layers.end());
  return layers;
}

bool is_active(const engine::Observed& observed) {
  return observed.status.phase == monitor::Phase::running || observed.status.phase == monitor::Phase::restarting;
}

// Bytes of the files below; what vanishes meanwhile does not count.
std::int64_t size_below(const std::string& directory) {
  namespace fs = std::filesystem;
  std::int64_t size = 0;
  std::error_code problem;
  for (fs::recursive_directory_iterator entry(directory, problem), end; !problem && entry != end;
       entry.increment(problem)) {
    std::error_code gone;
    if (entry->symlink_status(gone).type() != fs::file_type::regular) continue;
    if (const auto bytes = entry->file_size(gone); !gone) size += static_cast<std::int64_t>(bytes);
  }
  return size;
}

// One line of `df`.
struct Usage {
  const char* type;
  std::size_t total = 0, active = 0;
  std::int64_t size = 0, reclaimable = 0;

  base::Json json() const {
    std::string share = base::format_size(reclaimable);
    if (size > 0) share += " (" + std::to_string(reclaimable * 100 / size) + "%)";
    base::Json row = base::Json::object();
    row.set("Type", type).set("TotalCount", std::to_string(total)).set("Active", std::to_string(active));
    return row.set("Size", base::format_size(size)).set("Reclaimable", share);
  }
};

Usage usage_of_images(engine::Engine& engine, const image::CacheUsage& cache) {
  std::set<std::string> images, used;
  for (const auto& listed : engine.images().list())
    if (!listed.reference.name.empty()) images.insert(listed.image.id);
  for (const auto& observed : engine.list())
    if (images.contains(observed.container.image_id)) used.insert(observed.container.image_id);
  return {"Images", images.size(), used.size(), cache.named, 0};
}

Usage usage_of_containers(engine::Engine& engine) {
  Usage usage{"Containers"};
  for (const auto& observed : engine.list()) {
    const auto size = size_below(engine.locations().containers() + "/" + observed.container.id);
    ++usage.total;
    usage.size += size;
    if (is_active(observed))
      ++usage.active;
    else
      usage.reclaimable += size;
  }
  return usage;
}

Usage usage_of_volumes(engine::Engine& engine) {
  std::set<std::string> mounted;
  for (const auto& observed : engine.list())
    for (const auto& mount : observed.container.config.mounts)
      if (mount.kind == engine::MountKind::named) mounted.insert(mount.source);
  Usage usage{"Local Volumes"};
  for (const auto& volume : engine.volumes().list()) {
    const auto size = size_below(engine.volumes().data_directory(volume.name));
    ++usage.total;
    usage.size += size;
    if (mounted.contains(volume.name))
      ++usage.active;
    else
      usage.reclaimable += size;
  }
  return usage;
}

Usage usage_of_mounts(const std::vector<cache_mounts::Listed>& mounts) {
  Usage usage{"Cache Mounts"};
  for (const auto& mount : mounts) {
    ++usage.total;
    usage.size += mount.size;
    if (mount.in_use)
      ++usage.active;
    else
      usage.reclaimable += mount.size;
  }
  return usage;
}

std::string ago(std::int64_t unix_ns) {
  return base::format_ago(std::chrono::nanoseconds(base::now_unix_ns() - unix_ns)) + " ago";
}

void show_details(engine::Engine& engine, const std::vector<cache_mounts::Listed>& mounts) {
  std::vector<base::Json> rows;
  const auto now = base::now_unix_ns();
  for (const auto& image : engine.images().list()) rows.push_back(listed(image, false, now));
  print("\nImages:\n" + render_list({{"REPOSITORY", "Repository"},
                                     {"TAG", "Tag"},
                                     {"IMAGE ID", "ID"},
                                     {"CREATED", "CreatedSince"},
                                     {"SIZE", "Size"}},
                                    rows, ""));
  rows.clear();
  for (const auto& mount : mounts)
    rows.push_back(base::Json::object()
                       .set("ID", mount.id)
                       .set("Created", ago(mount.created))
                       .set("LastUsed", ago(mount.last_used))
                       .set("Size", base::format_size(mount.size))
                       .set("InUse", mount.in_use));
  print("\nCache mounts:\n" +
        render_list(
            {{"ID", "ID"}, {"CREATED", "Created"}, {"LAST USED", "LastUsed"}, {"SIZE", "Size"}, {"IN USE", "InUse"}},
            rows, ""));
}

// --- prune ----------------------------------------------------------------------------------------------------------

void confirm(bool all, const std::optional<std::int64_t>& keep) {
  std::string what = "remove:\n";
  what += all ? "  - all images that no container uses\n" : "  - all images without a name that no container uses\n";
  what +=
      keep ? "  - what the build cache has beyond " + base::format_size(*keep) + ", what was used longest ago first\n"
           : "  - the build cache, the bases that no image needs, and the cache mounts\n";
  require_confirmation(what);
}

// Names of images that no container was made of are taken away; what is left is removed with the cache.
void remove_unused_names(engine::Engine& engine) {
  std::set<std::string> used;
  for (const auto& observed : engine.list()) used.insert(observed.container.image_id);
  for (const auto& listed : engine.images().list()) {
    if (listed.reference.name.empty() || used.contains(listed.image.id)) continue;
    for (const auto& line : engine.images().remove(listed.reference.text(), [](const auto&) { return std::nullopt; }))
      print_line(line);
  }
}

// Those used longest ago go, until the others take no more than `keep`; all without it.
std::int64_t prune_mounts(const store::Locations& locations, std::optional<std::int64_t> keep) {
  if (!keep) return cache_mounts::remove_unused(locations);
  std::int64_t room = *keep;
  auto mounts = cache_mounts::list(locations);
  std::ranges::sort(mounts, std::greater{}, &cache_mounts::Listed::last_used);
  for (const auto& mount : mounts) {
    room -= mount.size;
    if (room < 0) return cache_mounts::remove_unused(locations, mount.last_used + 1);
  }
  return 0;
}

}  // namespace

int system_df(Invocation& call) {
  bool verbose = false;
  std::string format;
  call.options().flag("-v,--verbose", verbose, "every image and cache mount as well");
  call.options().option("--format", format, "table, json or a template", "FORMAT");
  call.parse();
  engine::Engine& engine = call.engine();
  const auto cache = engine.images().cache_usage(layers_of_containers(engine));
  const auto mounts = cache_mounts::list(call.locations());
  const Usage steps{"Build Cache", cache.cached_layers, 0, cache.cached, cache.reclaimable};
  std::vector<base::Json> rows;
  for (const auto& usage : {usage_of_images(engine, cache), usage_of_containers(engine), usage_of_volumes(engine),
                            steps, usage_of_mounts(mounts)})
    rows.push_back(usage.json());
  print(render_list({{"TYPE", "Type"},
                     {"TOTAL", "TotalCount"},
                     {"ACTIVE", "Active"},
                     {"SIZE", "Size"},
                     {"RECLAIMABLE", "Reclaimable"}},
                    rows, format));
  if (verbose && (format.empty() || format == "table")) show_details(engine, mounts);
  return 0;
}

int system_prune(Invocation& call) {
  bool force = false, all = false;
  std::optional<std::int64_t> keep;
  call.options().flag("-f,--force", force, "do not ask");
  call.options().flag("-a,--all", all, "also images with a name that no container uses");
  call.options().size("--keep-storage,--max-used-space", keep,
                      "leave that much of the build cache, and of cache mounts");
  call.options().unsupported("--filter --volumes --reserved-space --min-free-space");
  call.parse();
  engine::Engine& engine = call.recovered_engine();
  if (!force) confirm(all, keep);
  if (all) remove_unused_names(engine);
  std::int64_t freed = engine.images().prune_cache(keep.value_or(0), layers_of_containers(engine));
  freed += prune_mounts(call.locations(), keep);
  print_line("Total reclaimed space: " + base::format_size(freed));
  return 0;
}

}  // namespace conductor::cli
