// logs.
#include "base/error.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "cli/commands.hpp"
#include "cli/moments.hpp"
#include "linux/fd.hpp"

#include <unistd.h>

#include <array>

namespace conductor::cli {

namespace {

// What lies in a file can be shown; what has gone elsewhere is found there.
void require_file(const engine::Container& container) {
  const std::string name = "container '" + container.config.name + "'";
  switch (container.config.log.driver) {
    case monitor::LogDriver::file:
      return;
    case monitor::LogDriver::none:
      throw base::Error(name + " keeps no log: it was made with --log-driver none");
    case monitor::LogDriver::journald:
      throw base::Error("the log of " + name + " is in the journal")
          .with_hint("journalctl CONTAINER_ID_FULL=" + container.id);
  }
}

// Bytes to the program's own two streams, in the order they came, many lines a write.
class LogPrinter {
 public:
  LogPrinter(bool timestamps, bool at_once) : timestamps_(timestamps), at_once_(at_once) {}

  void add(runtime::Stream stream, std::int64_t time, std::string_view bytes) {
    if (stream != stream_) flush();
    stream_ = stream;
    bool& line_begins = line_begins_[stream == runtime::Stream::output ? 0 : 1];
    if (timestamps_ && line_begins) pending_ += base::format_time(time) + " ";
    pending_ += bytes;
    if (!bytes.empty()) line_begins = bytes.back() == '\n';
    constexpr std::size_t enough = 1 << 18;
    if (at_once_ || pending_.size() >= enough) flush();
  }
  void flush() {
    linux::write_all(stream_ == runtime::Stream::output ? STDOUT_FILENO : STDERR_FILENO, pending_);
    pending_.clear();
  }

 private:
  bool timestamps_, at_once_;
  runtime::Stream stream_ = runtime::Stream::output;
  std::array<bool, 2> line_begins_ = {true, true};
  std::string pending_;
};

}  // namespace

int logs(Invocation& call) {
  runtime::LogOptions wanted;
  std::string tail = "all";
  std::optional<std::string> since, until;
  std::string name;
  call.options().flag("-f,--follow", wanted.follow, "go on until the container has ended");
  call.options().option("-n,--tail", tail, "only the last lines", "N");
  call.options().flag("-t,--timestamps", wanted.timestamps, "the time in front of each line");
  call.options().option("--since", since, "from that time on, or that long ago", "TIME");
  call.options().option("--until", until, "up to that time, or that long ago", "TIME");
  call.options().unsupported("--details");
  call.options().word("CONTAINER", name);
  call.parse();
  if (tail != "all") {
    const auto lines = base::parse_number(tail);
    if (!lines) throw base::Error("option --tail takes a whole number or all").with_exit_code(base::exit_usage);
    wanted.tail = static_cast<std::size_t>(*lines);
  }
  if (since) wanted.since = parse_moment("--since", *since);
  if (until) wanted.until = parse_moment("--until", *until);

  LogPrinter printer(wanted.timestamps, wanted.follow);
  engine::Engine& engine = call.engine();
  const auto container = engine.find(name);
  require_file(container);
  engine.runtime().logs(container.id, wanted, [&](runtime::Stream stream, std::int64_t time, std::string_view bytes) {
    printer.add(stream, time, bytes);
  });
  printer.flush();
  return 0;
}

}  // namespace conductor::cli
