// What the grammars of a Conductorfile share, and what the grammar of the file asks of that of a line.
#pragma once

#include "parser/conductorfile_lines.hpp"

#include <tao/pegtl.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace conductor::parser {

using Input = tao::pegtl::memory_input<tao::pegtl::tracking_mode::eager, tao::pegtl::eol::lf_crlf, const char*>;

namespace grammar {
// clang-format off
using namespace tao::pegtl;

// At least one byte, and all up to the next of the stops: the long runs of a text in one go.
template <char... Stops> struct run_before {
  using rule_t = run_before;
  using subs_t = empty_list;
  template <class In> static bool match(In& in) {
    constexpr char stops[] = {Stops...};
    const std::string_view left(in.current(), in.size(0));
    const auto size = std::min(left.find_first_of(std::string_view(stops, sizeof...(Stops))), left.size());
    in.bump(size);
    return size > 0;
  }
};
struct all_left {
  using rule_t = all_left;
  using subs_t = empty_list;
  template <class In> static bool match(In& in) { return in.bump(in.size(0)), true; }
};
struct gap    : star<space> {};
// clang-format on
}  // namespace grammar

struct PendingHeredoc {
  Heredoc heredoc;
  std::size_t offset = 0;  // in the rest
  bool strip_tabs = false;
  bool tentative = false;  // `<< NAME`: one only when a line NAME follows
};

// Keyword, flags and rest of a line from `begin` on.
Node split_line(LogicalLine line, std::size_t begin, const std::string& file);

// The here-documents that the node's rest announces, in order.
std::vector<PendingHeredoc> announced_by(const Node& node);

}  // namespace conductor::parser
