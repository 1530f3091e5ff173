#include "base/error.hpp"
#include "base/text.hpp"
#include "runtime/files.hpp"
#include "runtime/log_reader.hpp"
#include "runtime/runtime.hpp"

namespace conductor::runtime {
namespace {

// Hands records, or the lines asked for, to the sink.
class LogFilter {
 public:
  // `begins`: what comes first is no rest of a line, or one that is wanted.
  LogFilter(const LogOptions& options, const LogSink& sink, std::uint64_t skip, bool begins)
      : options_(options),
        sink_(sink),
        skip_(skip),
        skipping_(!begins),
        in_line_{!begins, !begins, !begins},
        drop_{!begins, !begins, !begins} {}

  // False when later records are of no interest.
  bool take(const Record& record) {
    if (options_.until && record.time_ns > *options_.until) return false;
    const bool wanted = !options_.since || record.time_ns >= *options_.since;
    const auto stream = static_cast<Stream>(record.stream);
    if (skip_ == 0 && !skipping_ && !options_.timestamps) {
      if (wanted) sink_(stream, record.time_ns, record.bytes);
      return true;
    }
    if (!wanted) return true;
    each_line(record, [&](std::string_view piece) {
      if (!in_line_[record.stream]) drop_[record.stream] = skip_ > 0 && skip_-- > 0;
      in_line_[record.stream] = piece.back() != '\n';
      if (!drop_[record.stream]) sink_(stream, record.time_ns, piece);
    });
    skipping_ = drop_[1] || drop_[2];
    return true;
  }

 private:
  const LogOptions& options_;
  const LogSink& sink_;
  std::uint64_t skip_;  // lines
  bool skipping_;       // the rest of a line that is left out may still come
  bool in_line_[3];
  bool drop_[3];
};

bool is_in_range(const Record& record, const LogOptions& options) {
  return (!options.until || record.time_ns <= *options.until) && (!options.since || record.time_ns >= *options.since);
}

// How many lines are left out from where the reader stands.
std::uint64_t lines_to_skip(const LogReader& reader, const LogOptions& options) {
  TailFinder finder(*options.tail, reader.at_beginning());
  LogReader scout = reader.again();
  scout.read([&](const Record& record) {
    if (is_in_range(record, options)) finder.add(record);
    return !options.until || record.time_ns <= *options.until;
  });
  return finder.skip();
}

}  // namespace

void Runtime::logs(const std::string& id, const LogOptions& options, const LogSink& sink) {
  const Files files(locations_, id);
  const base::Context context("logs of container " + base::short_id(id));
  StatusWatch watch(files);
  LogReader reader(files.log);
  if (options.since) reader.go_to_time(*options.since);
  if (options.tail)
    reader.go_to_lines(*options.tail, [&](const Record& record) { return is_in_range(record, options); });
  LogFilter filter(options, sink, options.tail ? lines_to_skip(reader, options) : 0,
                   reader.at_beginning() || !options.tail);
  for (;;) {
    // Looked at before reading: what was written until its end is read then.
    const auto found = options.follow ? status(id) : std::nullopt;
    bool more = true;
    reader.read([&](const Record& record) { return more = filter.take(record); });
    if (!more || !found || found->phase == monitor::Phase::exited) return;
    watch.wait(*found, -1);
  }
}

}  // namespace conductor::runtime
