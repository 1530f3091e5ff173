// Text of others made fit for a place on a terminal: no escape sequences, a known width. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace conductor::cli {

// Columns that UTF-8 text takes: two for East Asian wide characters and emoji, none for combining marks. Text without
// control characters, or with colours alone (ESC[…m), which take none.
std::size_t display_width(std::string_view text);
// The longest beginning that takes at most `columns`, with "…" at the end when something is left out.
std::string fit(std::string_view text, std::size_t columns);

enum class Colours { drop, keep };
// One line of a program's output: escape sequences are dropped (but colours when kept, which end with the line), what a
// carriage return overwrites is gone, tabs become blanks up to the next multiple of eight, other control characters and
// bytes that are no UTF-8 are shown as \xNN.
std::string clean_line(std::string_view line, Colours colours = Colours::drop);

}  // namespace conductor::cli
