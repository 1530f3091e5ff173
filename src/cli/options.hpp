// What a command takes: flags, options with a value, and words. A thin face of CLI11, which only options.cpp includes
// (it costs ten seconds a compile).
//
//   bool detach = false;
//   std::vector<std::string> names;
//   call.options().flag("-d,--detach", detach, "run in the background");
//   call.options().words("CONTAINER", names, 1);
//   call.parse();
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace conductor::cli {

// Thrown by parse for --help: the text to print. The program then ends with 0.
struct HelpWanted {
  std::string text;
};

class Options {
 public:
  // `command` as typed after "conductor", for messages: "volume create"; `summary` heads the help.
  Options(std::string command, std::string summary);
  ~Options();
  Options(const Options&) = delete;
  Options& operator=(const Options&) = delete;

  // `names` is "-d,--detach", "--init" or "-q"; the variable keeps its value when the user does not name it.
  void flag(const std::string& names, bool& value, const std::string& help);
  // `placeholder` is shown in the help after the name: "--name NAME".
  void option(const std::string& names, std::string& value, const std::string& help, const std::string& placeholder);
  void option(const std::string& names, std::optional<std::string>& value, const std::string& help,
              const std::string& placeholder);
  // May be given several times; one value each.
  void option(const std::string& names, std::vector<std::string>& values, const std::string& help,
              const std::string& placeholder);
  // "--internet" alone stands for "true", "--internet=VALUE" for the value; a word behind it is never its value. May be
  // given several times.
  void flag_or_option(const std::string& names, std::vector<std::string>& values, const std::string& help,
                      const std::string& placeholder);
  // A whole number, 0 or more.
  void number(const std::string& names, std::optional<std::int64_t>& value, const std::string& help,
              const std::string& placeholder);
  // "512m", "1GiB": bytes. "10s", "1m30s": a plain number is seconds.
  void size(const std::string& names, std::optional<std::int64_t>& value, const std::string& help);

  // Options of docker's that are known and not there yet: refused with "not supported yet". Names separated by blanks.
  void unsupported(std::string_view names);
  // As unsupported, with what there is instead.
  void refused(std::string_view names, const std::string& reason);

  // Options of the family stand before the command: one that is found behind it is told so.
  void mention(const Options& family);

  // Words, in this order. Only the last one declared may be a list.
  void word(const std::string& name, std::string& value);
  void optional_word(const std::string& name, std::string& value);
  void words(const std::string& name, std::vector<std::string>& values, std::size_t minimum = 0);
  // As words, but everything from the first word of the command on is taken untouched: `run [OPTIONS] IMAGE CMD…`,
  // where what follows the image is the container's. `minimum` counts all of them.
  void rest(const std::string& name, std::vector<std::string>& values, std::size_t minimum = 0);

  // A line shown at the end of the help.
  void note(const std::string& text);

  // Throws base::Error (exit code 125) for what does not fit, with what was probably meant; HelpWanted for --help (and
  // -h where the command has no -h of its own).
  void parse(const std::vector<std::string>& words);
  std::string help() const;
  // The part of help() that lists the options, a line each; empty when there are none.
  std::string option_lines() const;

 private:
  struct Declared;
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

// "10" (seconds), "10s", "1m30s". Throws Error naming the option.
std::int64_t parse_seconds_ns(const std::string& option, const std::string& text);
// "TERM", "SIGTERM" or "15". Throws Error for others.
int signal_of(const std::string& name);

}  // namespace conductor::cli
