// top.
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/process_columns.hpp"
#include "engine/usage.hpp"

namespace conductor::cli {

int top(Invocation& call) {
  std::string format;
  std::vector<std::string> words;
  call.options().option("--format", format, "table, json or a template", "FORMAT");
  call.options().rest("CONTAINER [COLUMN|-o COLUMN,...|-ef|aux]", words, 1);
  call.parse();
  const auto columns = process_columns({words.begin() + 1, words.end()});
  engine::Engine& engine = call.engine();
  std::vector<base::Json> rows;
  for (const pid_t pid : engine::processes_of(engine, engine.find(words.front())))
    if (const auto process = linux::read_process(pid)) rows.push_back(listed(*process, columns));
  print(render_list(columns, rows, format));
  return 0;
}

}  // namespace conductor::cli
