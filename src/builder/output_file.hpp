// A file that is there whole or not at all.
#pragma once

#include "linux/fd.hpp"

#include <string>

namespace conductor::builder {

class OutputFile {
 public:
  // "-" is standard output. What is no regular file (a FIFO, /dev/null) is written as it is; else the file has no name
  // until it is published, so nothing of one that is given up remains.
  explicit OutputFile(const std::string& path);
  int descriptor() const { return file_.get(); }
  // Gives it its name, in place of what has it.
  void publish();

 private:
  std::string path_;
  linux::Fd file_;
  bool nameless_ = false;
};

}  // namespace conductor::builder
