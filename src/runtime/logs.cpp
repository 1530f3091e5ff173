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
  LogFilter(const LogOptions& options, const LogSink& sink, std::uint64_t skip)
      : options_(options), sink_(sink), skip_(skip) {}

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
  std::uint64_t skip_;     // lines
  bool skipping_ = false;  // the rest of a line that is left out may still come
  bool in_line_[3] = {};
  bool drop_[3] = {};
};

std::uint64_t lines_to_skip(const Files& files, const LogOptions& options) {
  if (!options.tail) return 0;
  TailFinder finder(*options.tail);
  LogReader(files.log).read([&](const Record& record) {
    if (options.until && record.time_ns > *options.until) return false;
    if (!options.since || record.time_ns >= *options.since) finder.add(record);
    return true;
  });
  return finder.skip();
}

}  // namespace

void Runtime::logs(const std::string& id, const LogOptions& options, const LogSink& sink) {
  const Files files(locations_, id);
  const base::Context context("logs of container " + base::short_id(id));
  StatusWatch watch(files);
  LogFilter filter(options, sink, lines_to_skip(files, options));
  LogReader reader(files.log);
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
