// Patterns of paths: Go's filepath.Match for COPY, and the .dockerignore file with `**` and `!`.
#include "base/error.hpp"
#include "base/text.hpp"
#include "parser/conductorfile.hpp"
#include "parser/diagnostics.hpp"

#include <algorithm>

namespace conductor::parser {
namespace {

// --- a pattern as a row of states ---------------------------------------------------------------------------

struct Range {
  char32_t first;
  char32_t last;
};

struct Step {
  enum Kind { character, any, star, set, directories, everything } kind;
  char32_t code;              // character
  bool negated;               // set
  std::vector<Range> ranges;  // set

  explicit Step(Kind of, char32_t character_code = 0) : kind(of), code(character_code), negated(false) {}
};

// The next character; a byte that is no UTF-8 is a character of its own.
char32_t next_code(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const char32_t first = byte(at);
  const std::size_t size = first < 0xc2 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 1;
  char32_t code = size == 1 ? first : first & (0x7fU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(at + i) & 0xc0U) != 0x80U) return ++at, first | 0x80000000U;
    code = (code << 6U) | (byte(at + i) & 0x3fU);
  }
  at += size;
  return code;
}

class PatternReader {
 public:
  PatternReader(std::string_view pattern, bool any_depth) : text_(pattern), any_depth_(any_depth) {}

  std::vector<Step> read() {
    std::vector<Step> steps;
    while (at_ < text_.size()) steps.push_back(step());
    return steps;
  }

 private:
  std::string_view text_;
  bool any_depth_;
  std::size_t at_ = 0;

  [[noreturn]] void malformed() const { throw base::Error("malformed pattern " + show(text_)); }

  Step step() {
    switch (text_[at_]) {
      case '*':
        ++at_;
        return star();
      case '?':
        ++at_;
        return Step(Step::any);
      case '[':
        ++at_;
        return set();
      default:
        return Step(Step::character, literal());
    }
  }

  // `**` stands for any number of directories: what follows it begins a name.
  Step star() {
    if (!any_depth_ || at_ == text_.size() || text_[at_] != '*') return Step(Step::star);
    ++at_;
    if (at_ < text_.size() && text_[at_] == '/') ++at_;
    return Step(at_ == text_.size() ? Step::everything : Step::directories);
  }

  char32_t literal() {
    if (text_[at_] == '\\') {
      ++at_;
      if (at_ == text_.size()) malformed();
    }
    return next_code(text_, at_);
  }

  Step set() {
    Step result(Step::set);
    if (at_ < text_.size() && text_[at_] == '^') result.negated = true, ++at_;
    for (bool first = true; first || at_ >= text_.size() || text_[at_] != ']'; first = false) {
      const char32_t low = set_member();
      char32_t high = low;
      if (at_ < text_.size() && text_[at_] == '-') ++at_, high = set_member();
      result.ranges.push_back({low, high});
    }
    ++at_;
    return result;
  }

  char32_t set_member() {
    if (at_ >= text_.size() || text_[at_] == '-' || text_[at_] == ']') malformed();
    return literal();
  }
};

bool accepts(const Step& step, char32_t c) {
  if (step.kind == Step::character) return step.code == c;
  if (step.kind == Step::any) return c != '/';
  if (step.kind != Step::set || c == '/') return false;
  const bool inside = std::any_of(step.ranges.begin(), step.ranges.end(),
                                  [c](const Range& range) { return range.first <= c && c <= range.last; });
  return inside != step.negated;
}

// All states at once, so that no pattern makes the time more than names × steps.
class Matcher {
 public:
  explicit Matcher(const std::vector<Step>& steps)
      : steps_(steps), now_(steps.size() + 1), next_(now_), inside_(now_), inside_next_(now_) {
    enter(now_, 0);
  }

  bool matches(std::string_view name) {
    for (std::size_t at = 0; at < name.size();) consume(next_code(name, at));
    return now_[steps_.size()];
  }

 private:
  const std::vector<Step>& steps_;
  std::vector<bool> now_, next_;            // before step i
  std::vector<bool> inside_, inside_next_;  // in the middle of the directories that step i stands for

  // Steps that may stand for nothing are entered and passed.
  void enter(std::vector<bool>& states, std::size_t i) const {
    for (; !states[i]; ++i) {
      states[i] = true;
      if (i == steps_.size()) return;
      const auto kind = steps_[i].kind;
      if (kind != Step::star && kind != Step::directories && kind != Step::everything) return;
    }
  }

  void consume(char32_t c) {
    std::fill(next_.begin(), next_.end(), false);
    std::fill(inside_next_.begin(), inside_next_.end(), false);
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      if (now_[i] || inside_[i]) advance(i, c);
    }
    now_.swap(next_);
    inside_.swap(inside_next_);
  }

  void advance(std::size_t i, char32_t c) {
    const Step& step = steps_[i];
    if (step.kind == Step::everything || (step.kind == Step::star && c != '/')) {
      enter(next_, i);
    } else if (step.kind == Step::directories) {
      inside_next_[i] = true;
      if (c == '/') enter(next_, i + 1);
    } else if (accepts(step, c)) {
      enter(next_, i + 1);
    }
  }
};

// Go's path.Clean without the leading '/': no empty, "." and ".." components where they can be dropped.
std::string clean(std::string_view path) {
  std::vector<std::string> kept;
  for (auto& part : base::split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == ".." && !kept.empty() && kept.back() != "..")
      kept.pop_back();
    else if (part != ".." || path.front() != '/')
      kept.push_back(std::move(part));
  }
  return base::join(kept, "/");
}

// The parts before the first and after the last character that means something else than itself.
std::string_view literal_head(std::string_view pattern) { return pattern.substr(0, pattern.find_first_of("*?[\\")); }
std::string_view literal_tail(std::string_view pattern) {
  const auto last = pattern.find_last_of("*?]\\");
  if (last == std::string_view::npos) return pattern;
  auto tail = pattern.substr(last + 1);
  if (pattern[last] == '*' && tail.starts_with('/')) tail.remove_prefix(1);  // `**/` may stand for nothing
  return tail;
}

}  // namespace

bool match_pattern(std::string_view pattern, std::string_view name, bool any_depth) {
  const auto steps = PatternReader(pattern, any_depth).read();
  return Matcher(steps).matches(name);
}

IgnoreRules IgnoreRules::parse(std::string_view text) {
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  IgnoreRules rules;
  for (const auto& line : base::split(text, '\n')) {
    if (line.starts_with('#')) continue;
    std::string_view rest = base::trim(line);
    const bool keep = rest.starts_with('!');
    if (keep) rest = base::trim(rest.substr(1));
    if (keep && rest.empty()) throw base::Error("a pattern is missing after '!'");
    std::string pattern = rest.empty() ? std::string() : clean(rest);
    if (pattern.empty()) continue;     // an empty line; "." and "/" name the context itself, which always stays
    match_pattern(pattern, "", true);  // malformed ones are told now
    const std::string head(literal_head(pattern)), tail(literal_tail(pattern));
    const bool literal = head.size() == pattern.size();
    rules.patterns_.push_back({std::move(pattern), keep, head, tail, literal});
  }
  return rules;
}

bool IgnoreRules::Pattern::matches(std::string_view path) const {
  if (literal) return path == text;
  return path.starts_with(head) && path.ends_with(tail) && match_pattern(text, path, true);
}

// A path is ignored like the directory it lies in; the last pattern that speaks of it or of one above it decides.
bool IgnoreRules::ignores(std::string_view path) const {
  bool ignored = false;
  for (const auto& pattern : patterns_) {
    if (pattern.keep != ignored) continue;  // would change nothing
    for (std::size_t end = path.find('/');; end = path.find('/', end + 1)) {
      if (pattern.matches(path.substr(0, end))) {
        ignored = !pattern.keep;
        break;
      }
      if (end == std::string_view::npos) break;
    }
  }
  return ignored;
}

bool IgnoreRules::has_exceptions() const {
  return std::any_of(patterns_.begin(), patterns_.end(), [](const Pattern& pattern) { return pattern.keep; });
}

}  // namespace conductor::parser
