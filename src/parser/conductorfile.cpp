// Files to instructions: what stands where, and INCLUDE.
#include "parser/conductorfile.hpp"

#include "base/text.hpp"
#include "parser/conductorfile_lines.hpp"
#include "parser/conductorfile_rules.hpp"

#include <algorithm>

namespace conductor::parser {
namespace {

// Bounds for files that include each other.
constexpr std::size_t deepest_include = 16;
constexpr std::size_t most_included = 200;
constexpr std::size_t longest_together = 8U << 20U;

std::string_view without_mark(std::string_view text) {
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  return text;
}

// Reads a file and what it includes into one row of instructions.
class FileReader {
 public:
  explicit FileReader(const ParseOptions& options) : options_(options), diagnostics_(result_.texts) {}

  Conductorfile read(std::string_view text, const std::string& file) {
    read_file(text, file);
    if (keywords_.empty() && diagnostics_.clean())
      diagnostics_.error({file, 0, 0}, "the file has no instructions", "expected FROM image");
    check_order();
    diagnostics_.finish();
    return std::move(result_);
  }

 private:
  struct Keyword {
    std::string name;  // upper case
    base::Position position;
  };

  const ParseOptions& options_;
  Conductorfile result_;
  Diagnostics diagnostics_;
  std::vector<Keyword> keywords_;   // of all instructions, the wrong ones too
  std::vector<std::string> files_;  // being read, each included by the one before
  std::size_t included_ = 0, size_ = 0;

  void read_file(std::string_view written, const std::string& file) {
    const std::string_view text = without_mark(written);
    result_.texts.insert_or_assign(file, std::string(text));
    Lines lines = parse_lines(text, file, diagnostics_);
    if (files_.empty()) {
      result_.escape = lines.escape;
      result_.directives = std::move(lines.directives);
    } else if (lines.escape != result_.escape) {
      diagnostics_.error({file, 1, 1}, "an included file has the escape character of the file that includes it");
    }
    auto& empty = result_.empty_continuations;
    empty.insert(empty.end(), lines.empty_continuations.begin(), lines.empty_continuations.end());
    files_.push_back(file);
    for (const auto& node : lines.nodes) {
      if (diagnostics_.full()) break;
      read_node(node);
    }
    files_.pop_back();
  }

  void read_node(const Node& node) {
    const auto* rule = find_rule(node, diagnostics_);
    const bool include = rule != nullptr && rule->read == nullptr;
    if (include) return read_include(node);
    keywords_.push_back({base::upper(node.keyword), node.position});
    if (rule == nullptr) return;
    if (auto instruction = read_instruction(node, *rule, result_.escape, diagnostics_))
      result_.instructions.push_back(std::move(*instruction));
  }

  void read_include(const Node& node) {
    const auto wrong = [&](std::string message, std::string hint = {}) {
      diagnostics_.error(node.position, std::move(message), std::move(hint));
    };
    check_flags(node, "INCLUDE", no_flags, diagnostics_);
    if (options_.strict) return wrong("INCLUDE is no instruction of the reference", "refused with --strict");
    if (!options_.include) return wrong("INCLUDE is not possible here");
    if (node.rest.empty()) return wrong("INCLUDE needs the path of a file", "INCLUDE path");
    if (node.rest.find('$') != std::string::npos) return wrong("INCLUDE knows no variables");
    if (files_.size() > deepest_include) return wrong("files include each other too deeply");
    if (++included_ > most_included) return wrong("more than 200 files are included");
    SourceText source;
    try {
      source = options_.include(node.rest, node.position.file);
    } catch (const base::Error& problem) {
      return wrong("cannot include " + show(node.rest) + ": " + problem.what());
    }
    if (std::find(files_.begin(), files_.end(), source.name) != files_.end())
      return wrong(show(source.name) + " includes itself");
    size_ += source.text.size();
    if (size_ > longest_together) return wrong("the included files are longer than 8 MiB together");
    read_file(source.text, source.name);
  }

  // Nothing but ARG stands before the first FROM. Unknown keywords have been reported already.
  void check_order() {
    if (keywords_.empty()) return;
    const auto first_from =
        std::find_if(keywords_.begin(), keywords_.end(), [](const Keyword& keyword) { return keyword.name == "FROM"; });
    if (first_from == keywords_.end())
      return diagnostics_.error(keywords_.front().position, "the file has no FROM", "begin with FROM image");
    const auto stray =
        std::find_if(keywords_.begin(), first_from, [](const Keyword& keyword) { return keyword.name != "ARG"; });
    if (stray != first_from)
      diagnostics_.error(stray->position, show(stray->name) + " stands before the first FROM",
                         "the first instruction is FROM; only ARG may precede it");
  }
};

}  // namespace

Conductorfile parse_conductorfile(std::string_view text, const std::string& file, const ParseOptions& options) {
  return FileReader(options).read(text, file);
}

Instruction parse_trigger(const std::string& trigger, const std::string& image) {
  const std::string file = "trigger of " + image;
  Diagnostics diagnostics(trigger);
  const Lines lines = parse_lines(trigger, file, diagnostics);
  std::optional<Instruction> instruction;
  if (lines.nodes.size() == 1) {
    const Node& node = lines.nodes.front();
    const std::string keyword = base::upper(node.keyword);
    if (keyword == "FROM" || keyword == "ONBUILD" || keyword == "MAINTAINER" || keyword == "INCLUDE")
      diagnostics.error(node.position, keyword + " cannot be a trigger of ONBUILD");
    else if (const auto* rule = find_rule(node, diagnostics))
      instruction = read_instruction(node, *rule, lines.escape, diagnostics);
  } else if (diagnostics.clean()) {
    diagnostics.error({file, 0, 0}, "a trigger is one instruction");
  }
  diagnostics.finish();
  return std::move(*instruction);
}

}  // namespace conductor::parser
