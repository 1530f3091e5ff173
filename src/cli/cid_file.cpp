#include "cli/cid_file.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "linux/fd.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace conductor::cli {

namespace {
constexpr mode_t readable_by_all = 0644;
}

CidFile::CidFile(const std::optional<std::string>& path) : path_(path) {
  if (!path_) return;
  try {
    linux::open_file(*path_, O_WRONLY | O_CREAT | O_EXCL, readable_by_all);
  } catch (const base::Error& e) {
    if (e.code() != EEXIST) throw;
    throw base::Error("option --cidfile: there is a file " + base::escape_control(*path_) + " already")
        .with_exit_code(base::exit_usage)
        .with_hint("when its container is gone, remove it");
  }
}

CidFile::~CidFile() {
  if (path_ && !written_) unlink(path_->c_str());
}

void CidFile::write(const std::string& id) {
  if (!path_) return;
  linux::write_all(linux::open_file(*path_, O_WRONLY).get(), id);
  written_ = true;
}

}  // namespace conductor::cli
