// Words in, one call, an exit code out. Every failure ends here.
#include "base/error.hpp"
#include "base/source.hpp"
#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/logging.hpp"
#include "cli/output.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <new>

namespace {

using namespace conductor;

// What stands before the command.
struct ProgramOptions {
  std::string root, state;
  std::string log_level;
  bool version = false;
};

// The few options of the program itself, by hand: the command's parser is set up only for the command that is asked
// for.
ProgramOptions take_program_options(std::vector<std::string>& words) {
  ProgramOptions options;
  std::size_t used = 0;
  const auto value_of = [&](const std::string& name) -> std::string {
    const std::string& word = words[used];
    if (const auto equals = word.find('='); equals != std::string::npos) return word.substr(equals + 1);
    if (used + 1 == words.size()) throw base::Error("option " + name + " needs a value");
    return words[++used];
  };
  for (; used < words.size() && words[used].starts_with('-'); ++used) {
    const std::string name = words[used].substr(0, words[used].find('='));
    if (name == "--root") {
      options.root = value_of(name);
    } else if (name == "--state") {
      options.state = value_of(name);
    } else if (name == "--log-level" || name == "-l") {
      options.log_level = value_of(name);
    } else if (name == "--debug" || name == "-D") {
      options.log_level = "debug";
    } else if (name == "--version" || name == "-v") {
      options.version = true;
    } else if (name == "--help" || name == "-h") {
      throw cli::HelpWanted{cli::overview()};
    } else {
      throw base::Error(
          "unknown option " + base::escape_control(name) +
          base::did_you_mean(name, {"--root", "--state", "--log-level", "--debug", "--version", "--help"}))
          .with_hint("see 'conductor help'");
    }
  }
  words.erase(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(used));
  return options;
}

int run_command(std::vector<std::string> words) {
  const ProgramOptions options = take_program_options(words);
  if (options.version) words = {"version"};
  if (!options.log_level.empty()) cli::start_logging(options.log_level);
  auto found = cli::find_command(words);
  cli::Invocation call({std::string(found.command->name), std::string(found.command->summary), std::move(found.family),
                        std::move(found.arguments)},
                       store::Locations::choose(options.root, options.state));
  return found.command->run(call);
}

}  // namespace

int main(int argc, char** argv) {
  umask(077);
  try {
    return run_command({argv + std::min(argc, 1), argv + argc});
  } catch (const cli::HelpWanted& help) {
    cli::print(help.text);
    return 0;
  } catch (const base::SourceError& e) {
    cli::print_error(e.what());
    return e.exit_code();
  } catch (const base::Error& e) {
    cli::say(cli::escape_lines(e.message()));
    if (!e.hint().empty()) cli::print_error("  " + e.hint() + "\n");
    return e.exit_code();
  } catch (const std::bad_alloc&) {
    cli::say("out of memory");
  } catch (const std::exception& e) {
    cli::say(std::string("internal error: ") + e.what());
  }
  return base::exit_error;
}
