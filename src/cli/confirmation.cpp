#include "cli/confirmation.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/output.hpp"

#include <unistd.h>

namespace conductor::cli {

void require_confirmation(const std::string& what) {
  print_error("WARNING! This will " + what + "\nAre you sure you want to continue? [y/N]");
  std::string answer;
  char letter = 0;
  while (read(STDIN_FILENO, &letter, 1) == 1 && letter != '\n') answer += letter;
  const auto word = base::lower(base::trim(answer));
  if (word != "y" && word != "yes")
    throw base::Error("nothing is removed: it was not confirmed").with_exit_code(1).with_hint("-f does not ask");
}

}  // namespace conductor::cli
