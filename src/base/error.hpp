// Failure is one exception: what failed, the errno behind it, and a stack of sentences of the levels that knew more.
#pragma once

#include <exception>
#include <string>
#include <string_view>
#include <vector>

namespace conductor::base {

// Exit codes of the command line, as docker uses them.
inline constexpr int exit_error = 125;
inline constexpr int exit_not_executable = 126;
inline constexpr int exit_not_found = 127;
inline constexpr int exit_usage = 125;

class Error : public std::exception {
 public:
  // `what` is a sentence without a full stop; `code` an errno, or 0 when the kernel has no part in it.
  explicit Error(const std::string& what, int code = 0);

  // The failure of the system call just made; reads errno.
  static Error from_errno(const std::string& what);

  const char* what() const noexcept override { return text_.c_str(); }
  const std::string& message() const { return text_; }
  int code() const { return code_; }

  int exit_code() const { return exit_code_; }
  Error& with_exit_code(int value);
  // A further line for the user, shown below the message: what to do about it.
  Error& with_hint(std::string hint);
  const std::string& hint() const { return hint_; }

 private:
  std::string text_;  // "outermost context: …: what: strerror"
  std::string hint_;
  int code_;
  int exit_code_ = exit_error;
};

// While it lives, every Error made on this thread begins with `sentence` ("starting container web").
class Context {
 public:
  explicit Context(std::string sentence);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
};

// Collects what goes wrong while tearing down: every step is tried, the first failure is thrown at the end.
class Collector {
 public:
  template <class Step>
  void attempt(Step&& step) {
    try {
      step();
    } catch (const std::exception& e) {
      note(e.what());
    }
  }
  void note(std::string message);
  bool clean() const { return messages_.empty(); }
  const std::vector<std::string>& messages() const { return messages_; }
  // Throws one Error made of all messages; does nothing when clean.
  void finish() const;

 private:
  std::vector<std::string> messages_;
};

}  // namespace conductor::base
