// What a build says while it goes on. One place turns these into a terminal's or a log's lines.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace conductor::builder {

struct Event {
  enum class Kind {
    began,     // a step begins; text: the instruction
    cached,    // it was taken from the cache and is done
    output,    // text: bytes of its command, as they came
    progress,  // current of total (0: unknown) of `unit`; text: what
    done,      // took
    failed,    // took; the exception tells why
    note,      // text: a sentence
    warning,   // text: a diagnostic, of several lines perhaps
  } kind = Kind::note;
  std::size_t vertex = 0;   // the step, the same in all its events, counted from 1; 0: the build as a whole
  int step = 0, steps = 0;  // of the stage; steps of internal work (context, export) are 0 of 0
  std::string stage;
  std::string text;
  std::int64_t current = 0, total = 0;
  std::string unit;  // "B": bytes
  std::chrono::nanoseconds took{0};
};
// Called by one thread at a time.
using Listener = std::function<void(const Event&)>;

}  // namespace conductor::builder
