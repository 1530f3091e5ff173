#include "builder/modes.hpp"

#include "base/error.hpp"
#include "base/text.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cstdio>

namespace conductor::builder {
namespace {

constexpr mode_t all_bits = 07777, read_bits = 0444, write_bits = 0222, execute_bits = 0111, umask_bits = 022;

[[noreturn]] void malformed(const std::string& text) {
  throw base::Error("--chmod takes a mode, not " + base::escape_control(text))
      .with_hint("octal digits up to 07777, or changes such as u=rwX,go=rX");
}

std::string octal(mode_t mode) {
  char text[16];
  std::snprintf(text, sizeof text, "%o", static_cast<unsigned>(mode));
  return text;
}

// What u, g, o and a stand for, the special bit of each included.
mode_t bits_of_class(char letter) {
  switch (letter) {
    case 'u':
      return S_ISUID | S_IRWXU;
    case 'g':
      return S_ISGID | S_IRWXG;
    case 'o':
      return S_ISVTX | S_IRWXO;
    case 'a':
      return all_bits;
    default:
      return 0;
  }
}

mode_t bits_of_permission(char letter) {
  switch (letter) {
    case 'r':
      return read_bits;
    case 'w':
      return write_bits;
    case 'x':
    case 'X':
      return execute_bits;
    case 's':
      return S_ISUID | S_ISGID;
    case 't':
      return S_ISVTX;
    default:
      return 0;
  }
}

// The rwx of one class, for all three.
mode_t spread(mode_t mode, char letter) {
  const unsigned shift = letter == 'u' ? 6 : letter == 'g' ? 3 : 0;
  return ((mode >> shift) & 7U) * 0111U;
}

}  // namespace

ModeChange::ModeChange(mode_t mode) : text_(octal(mode)), mode_(mode & all_bits) {}

ModeChange ModeChange::parse(const std::string& text) {
  if (!text.empty() && text.find_first_not_of("01234567") == std::string::npos) {
    mode_t mode = 0;
    for (const char digit : text) {
      mode = mode * 8 + static_cast<mode_t>(digit - '0');
      if (mode > all_bits) malformed(text);
    }
    return {mode};
  }
  ModeChange change;
  change.text_ = text;
  try {
    for (const auto& clause : base::split(text, ',')) change.parse_clause(clause);
  } catch (const base::Error&) {
    malformed(text);
  }
  return change;
}

// [ugoa]* and at least one of [+-=] with [rwxXst]* or one of [ugo] behind it.
void ModeChange::parse_clause(const std::string& clause) {
  std::size_t at = 0;
  mode_t affected = 0;
  for (; at < clause.size() && bits_of_class(clause[at]) != 0; ++at) affected |= bits_of_class(clause[at]);
  if (at == clause.size()) malformed(clause);
  while (at < clause.size()) {
    Change change{clause[at], affected};
    if (std::string_view("+-=").find(clause[at]) == std::string_view::npos) malformed(clause);
    ++at;
    if (at < clause.size() && std::string_view("ugo").find(clause[at]) != std::string_view::npos) {
      change.copied = clause[at++];
    } else {
      for (; at < clause.size() && bits_of_permission(clause[at]) != 0; ++at) {
        if (clause[at] == 'X')
          change.conditional = true;
        else
          change.value |= bits_of_permission(clause[at]);
      }
    }
    changes_.push_back(change);
  }
}

mode_t ModeChange::applied(const Change& change, mode_t mode, bool directory) {
  mode_t value = change.copied != 0 ? spread(mode, change.copied) : change.value;
  if (change.conditional && (directory || (mode & execute_bits) != 0)) value |= execute_bits;
  const mode_t kept_special = directory ? (S_ISUID | S_ISGID) & ~value : 0U;
  value &= change.affected != 0 ? change.affected : ~umask_bits;
  if (change.operation == '+') return mode | value;
  if (change.operation == '-') return mode & ~value;
  const mode_t replaced = (change.affected != 0 ? change.affected : all_bits) & ~kept_special;
  return (mode & ~replaced) | value;
}

mode_t ModeChange::apply(mode_t mode, bool directory) const {
  if (changes_.empty()) return mode_;
  mode &= all_bits;
  for (const auto& change : changes_) mode = applied(change, mode, directory);
  return mode & all_bits;
}

}  // namespace conductor::builder
