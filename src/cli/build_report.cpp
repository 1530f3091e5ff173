#include "cli/build_report.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/image_view.hpp"
#include "linux/fd.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

namespace conductor::cli {

base::Json build_metadata(const builder::BuildResult& result, const std::vector<std::string>& names) {
  base::Json json = base::Json::object();
  json.set("containerimage.config.digest", image_digest(result.image));
  json.set("containerimage.digest",
           result.manifest_digest.empty() ? image_digest(result.image) : result.manifest_digest);
  if (!names.empty()) json.set("image.name", base::join(names, ","));
  return json;
}

void write_result_file(const std::string& path, const std::string& content) {
  const base::Context context("writing " + path);
  struct stat status{};
  // A pipe or /dev/stdout is written as it is.
  if (stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode))
    return linux::write_all(linux::open_file(path, O_WRONLY).get(), content);
  constexpr mode_t readable = 0644;
  const std::string temporary = path + "." + std::to_string(getpid()) + ".tmp";
  {
    const auto file = linux::open_file(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, readable);
    if (fchmod(file.get(), readable) != 0) throw base::Error::from_errno("changing its mode");
    linux::write_all(file.get(), content);
  }
  if (std::rename(temporary.c_str(), path.c_str()) == 0) return;
  const auto problem = base::Error::from_errno("renaming " + temporary);
  unlink(temporary.c_str());
  throw problem;
}

}  // namespace conductor::cli
