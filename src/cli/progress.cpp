#include "cli/progress.hpp"

#include "base/text.hpp"
#include "linux/fd.hpp"
#include "linux/terminal.hpp"

#include <unistd.h>

namespace conductor::cli {

namespace {
void write(const std::string& text) { linux::write_all(STDERR_FILENO, text); }
}  // namespace

Progress::Progress(bool plain) : terminal_(!plain && linux::is_terminal(STDERR_FILENO)) {}

Progress::~Progress() {
  try {
    clear();
    if (line_open_) write("\n");
  } catch (const base::Error&) {
    // Nobody reads any more; there is nothing to tidy.
  }
}

void Progress::clear() {
  if (shown_) write("\r\033[K");
  shown_ = false;
}

void Progress::transient(std::string_view line) {
  if (!terminal_) return lasting(line);
  std::string text = base::escape_control(line);
  const auto size = linux::window_size(STDERR_FILENO);
  const std::size_t columns = size ? size->columns : 80;
  if (text.size() >= columns) text.resize(columns - 1);
  clear();
  if (line_open_) write("\n");
  line_open_ = false;
  write(text);
  shown_ = true;
}

void Progress::lasting(std::string_view line) {
  clear();
  if (line_open_) write("\n");
  line_open_ = false;
  write(base::escape_control(line) + "\n");
}

void Progress::raw(std::string_view bytes) {
  if (bytes.empty()) return;
  clear();
  write(std::string(bytes));
  line_open_ = bytes.back() != '\n';
}

}  // namespace conductor::cli
