#include "parser/path_pattern.hpp"

#include "base/error.hpp"
#include "parser/characters.hpp"
#include "parser/conductorfile.hpp"
#include "parser/diagnostics.hpp"

#include <algorithm>

namespace conductor::parser {

// --- text to steps ------------------------------------------------------------------------------------------

class PathPattern::Reader {
 public:
  Reader(std::string_view pattern, bool any_depth) : text_(pattern), any_depth_(any_depth) {}

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
        return Step(star());
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
  Step::Kind star() {
    if (!any_depth_ || at_ == text_.size() || text_[at_] != '*') return Step::star;
    ++at_;
    if (at_ < text_.size() && text_[at_] == '/') ++at_;
    return at_ == text_.size() ? Step::everything : Step::directories;
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

// --- matching -----------------------------------------------------------------------------------------------

bool PathPattern::accepts(const Step& step, char32_t code) {
  if (step.kind == Step::character) return step.code == code;
  if (step.kind == Step::any) return code != '/';
  if (step.kind != Step::set) return false;
  const bool inside = std::any_of(step.ranges.begin(), step.ranges.end(),
                                  [code](const Range& range) { return range.first <= code && code <= range.last; });
  return inside != step.negated;
}

// All states at once, so that no pattern makes the time more than names × steps.
class PathPattern::Matcher {
 public:
  explicit Matcher(const std::vector<Step>& steps)
      : steps_(steps), now_(steps.size() + 1), next_(now_), inside_(now_), inside_next_(now_) {
    enter(now_, 0);
  }

  bool matches(std::string_view name) {
    for (std::size_t at = 0; at < name.size();) consume(next_code(name, at));
    return now_[steps_.size()] != 0;
  }

 private:
  using States = std::vector<char>;

  const std::vector<Step>& steps_;
  States now_, next_;            // before step i
  States inside_, inside_next_;  // in the middle of the directories that step i stands for

  // Steps that may stand for nothing are entered and passed.
  void enter(States& states, std::size_t i) const {
    for (; states[i] == 0; ++i) {
      states[i] = 1;
      if (i == steps_.size()) return;
      const auto kind = steps_[i].kind;
      if (kind != Step::star && kind != Step::directories && kind != Step::everything) return;
    }
  }

  void consume(char32_t code) {
    std::fill(next_.begin(), next_.end(), 0);
    std::fill(inside_next_.begin(), inside_next_.end(), 0);
    for (std::size_t i = 0; i < steps_.size(); ++i)
      if (now_[i] != 0 || inside_[i] != 0) advance(i, code);
    now_.swap(next_);
    inside_.swap(inside_next_);
  }

  void advance(std::size_t i, char32_t code) {
    const Step& step = steps_[i];
    if (step.kind == Step::everything || (step.kind == Step::star && code != '/')) {
      enter(next_, i);
    } else if (step.kind == Step::directories) {
      inside_next_[i] = 1;
      if (code == '/') enter(next_, i + 1);
    } else if (now_[i] != 0 && accepts(step, code)) {
      enter(next_, i + 1);
    }
  }
};

namespace {

constexpr std::string_view special = "*?[]\\";

// The parts before the first and after the last character that means something else than itself.
std::string_view literal_head(std::string_view pattern) {
  return pattern.substr(0, std::min(pattern.find_first_of(special), pattern.size()));
}
std::string_view literal_tail(std::string_view pattern) {
  const auto last = pattern.find_last_of(special);
  if (last == std::string_view::npos) return pattern;
  if (pattern[last] == '\\') return pattern.substr(std::min(last + 2, pattern.size()));
  auto tail = pattern.substr(last + 1);
  if (pattern[last] == '*' && tail.starts_with('/')) tail.remove_prefix(1);  // `**/` may stand for nothing
  return tail;
}

bool is_literal(std::string_view text) { return text.find_first_of(special) == std::string_view::npos; }

}  // namespace

PathPattern::PathPattern(std::string_view pattern, bool any_depth)
    : text_(pattern), head_(literal_head(pattern)), tail_(literal_tail(pattern)) {
  constexpr std::size_t longest = 16U << 10U;  // four times the longest path
  if (pattern.size() > longest) throw base::Error("the pattern " + show(pattern) + " is longer than 16 KiB");
  choose_form(pattern, any_depth);
  if (form_ == general) steps_ = Reader(pattern, any_depth).read();
}

void PathPattern::choose_form(std::string_view pattern, bool any_depth) {
  if (is_literal(pattern)) {
    form_ = exact;
  } else if (any_depth && pattern.starts_with("**") && is_literal(pattern.substr(2))) {
    form_ = end;  // `**x` matches every name that ends with x; `**/x` the name x
    text_ = pattern.substr(2);
  } else if (any_depth && pattern.ends_with("**") && is_literal(pattern.substr(0, pattern.size() - 2))) {
    form_ = beginning;
    text_ = pattern.substr(0, pattern.size() - 2);
  }
}

bool PathPattern::matches(std::string_view path) const {
  switch (form_) {
    case exact:
      return path == text_;
    case beginning:
      return path.starts_with(text_);
    case end:
      return path.ends_with(text_) || (text_.starts_with('/') && path == std::string_view(text_).substr(1));
    case general:
      break;
  }
  return path.starts_with(head_) && path.ends_with(tail_) && Matcher(steps_).matches(path);
}

bool PathPattern::may_match_below(std::string_view directory) const {
  const std::string_view head = form_ == exact || form_ == beginning ? text_ : head_;
  const std::string below = std::string(directory) + "/";
  return below.starts_with(head) || head.starts_with(below);
}

bool PathPattern::matches_within(std::string_view path) const {
  if (form_ == exact) return path.starts_with(text_) && (path.size() == text_.size() || path[text_.size()] == '/');
  if (form_ == beginning) return path.starts_with(text_);
  if (form_ == general && !path.starts_with(head_)) return false;
  for (std::size_t at = path.find('/');; at = path.find('/', at + 1)) {
    if (matches(path.substr(0, at))) return true;
    if (at == std::string_view::npos) return false;
  }
}

bool match_pattern(std::string_view pattern, std::string_view name, bool any_depth) {
  return PathPattern(pattern, any_depth).matches(name);
}

}  // namespace conductor::parser
