// --cidfile: the id of a container in a file that was not there before.
#pragma once

#include <optional>
#include <string>

namespace conductor::cli {

class CidFile {
 public:
  // Makes the file, empty; without a path there is none. Throws Error, exit code 125, when there is one already.
  explicit CidFile(const std::optional<std::string>& path);
  // Takes it away again unless an id was written.
  ~CidFile();
  CidFile(const CidFile&) = delete;
  CidFile& operator=(const CidFile&) = delete;

  void write(const std::string& id);

 private:
  std::optional<std::string> path_;
  bool written_ = false;
};

}  // namespace conductor::cli
