// --chmod: a mode in octal digits, or changes of a mode in the letters of chmod(1).
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace conductor::builder {

class ModeChange {
 public:
  ModeChange(mode_t mode);  // whatever it was before
  // "0755", "u=rwX,go=rX", "+x", "g=u", "a+rx,o-w" … An operator without ugoa leaves alone what a umask of 022 does.
  // Throws Error saying what a mode looks like.
  static ModeChange parse(const std::string& text);

  // The permission bits (07777) after the change. "=" keeps the set-ID bits of a directory unless they are named, as
  // GNU chmod does.
  mode_t apply(mode_t mode, bool directory) const;
  const std::string& text() const { return text_; }  // as written; octal without leading zeros

 private:
  struct Change {
    char operation;            // + - =
    mode_t affected = 0;       // bits of ugoa; 0: none was given
    mode_t value = 0;          // bits, as if for all
    char copied = 0;           // u, g or o: their bits instead of `value`
    bool conditional = false;  // X
  };
  ModeChange() = default;
  void parse_clause(const std::string& clause);
  static mode_t applied(const Change& change, mode_t mode, bool directory);

  std::string text_;
  std::vector<Change> changes_;  // empty: `mode_` is the result
  mode_t mode_ = 0;
};

}  // namespace conductor::builder
