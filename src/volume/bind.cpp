// Host paths that a container asks for.
#include "base/error.hpp"
#include "base/text.hpp"
#include "volume/volume.hpp"

#include <filesystem>

namespace conductor::volume {
namespace {

using base::Error;
namespace fs = std::filesystem;

// True when `inner` is `outer` or lies below it. Both absolute and without links.
bool lies_in(const fs::path& inner, const fs::path& outer) {
  const fs::path relative = inner.lexically_relative(outer);
  return !relative.empty() && *relative.begin() != "..";
}

// What exists of it without links; the rest as it would be made.
fs::path resolve(const std::string& path) {
  std::error_code failed;
  fs::path resolved = fs::weakly_canonical(path, failed);
  if (failed) throw Error("cannot resolve " + base::escape_control(path), failed.value());
  return resolved.has_filename() || resolved == resolved.root_path() ? resolved : resolved.parent_path();
}

void refuse_own(const fs::path& source, const std::string& shown, const std::string& own) {
  if (lies_in(source, own)) throw Error("bind source " + shown + " belongs to conductor itself (" + own + ")");
  if (lies_in(own, source)) throw Error("bind source " + shown + " contains conductor's own state (" + own + ")");
}

}  // namespace

std::string check_bind_source(const store::Locations& locations, const std::string& path, bool make) {
  const std::string shown = base::escape_control(path);
  if (!path.starts_with('/')) throw Error("bind source is no absolute path: " + shown);
  const fs::path source = resolve(path);
  refuse_own(source, shown, locations.root);
  refuse_own(source, shown, locations.state);
  std::error_code failed;
  if (fs::exists(source, failed)) return source.string();
  if (failed) throw Error("cannot look at the bind source " + shown, failed.value());
  if (!make) throw Error("bind source does not exist: " + shown);
  fs::create_directories(source, failed);
  if (failed) throw Error("cannot make the bind source " + shown, failed.value());
  return source.string();
}

}  // namespace conductor::volume
