// What a long step is doing: on a terminal one line that is overwritten, elsewhere plain lines. On standard error.
#pragma once

#include "image/image.hpp"

#include <string>
#include <string_view>

namespace conductor::cli {

class Progress {
 public:
  explicit Progress(bool plain = false);  // plain: as when there is no terminal
  ~Progress();                            // takes the line in place away
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void transient(std::string_view line);  // replaced by whatever comes next; a plain line when there is no terminal
  void lasting(std::string_view line);    // stays
  void raw(std::string_view bytes);       // a program's output, as it came
  void clear();

  // For calls that report transient lines.
  image::Progress reporter() {
    return [this](const std::string& line) { transient(line); };
  }

 private:
  bool terminal_;
  bool shown_ = false;      // a transient line stands on the terminal
  bool line_open_ = false;  // the last raw output did not end its line
};

}  // namespace conductor::cli
