// conductor-transfer: handles what comes from outside, with no right but those that takes. Started by conductor alone.
#include "base/error.hpp"
#include "base/wire.hpp"
#include "linux/fd.hpp"
#include "transfer/program/confine.hpp"
#include "transfer/program/modes.hpp"

#include <unistd.h>

#include <chrono>
#include <optional>
#include <string_view>

namespace conductor::transfer::program {
namespace {

using Clock = std::chrono::steady_clock;

std::optional<Report> perform(std::string_view mode, const Request& request) {
  if (mode == mode_download) return download(request);
  if (mode == mode_unpack) return unpack(request);
  if (mode == mode_probe) return probe(request);
  return checkout(request);
}

bool knows(std::string_view mode) {
  return mode == mode_download || mode == mode_unpack || mode == mode_probe || mode == mode_checkout;
}

Report failure(const char* sentence, const std::string& hint) {
  constexpr std::size_t longest = 8192;
  Report report;
  report.kind = ReportKind::failed;
  report.sentence = std::string(sentence).substr(0, longest);
  report.hint = hint.substr(0, longest);
  return report;
}

std::optional<Report> result_of(std::string_view mode) {
  try {
    const auto message = linux::receive_message(control_descriptor);
    if (!message) _exit(base::exit_error);
    auto report = perform(mode, base::from_wire<Request>(message->bytes));
    if (report) report->kind = ReportKind::done;
    return report;
  } catch (const base::Error& e) {
    return failure(e.what(), e.hint());
  } catch (const std::bad_alloc&) {
    return failure("it needs more memory than it is given", {});
  } catch (const std::exception& e) {
    return failure(e.what(), {});
  }
}

}  // namespace

void send(const Report& report) {
  try {
    linux::send_message(control_descriptor, base::to_wire(report));
  } catch (const base::Error&) {
    _exit(base::exit_error);
  }
}

void tell_progress(std::int64_t current, std::int64_t total) {
  constexpr std::chrono::milliseconds interval(100);
  static Clock::time_point next{};
  if (Clock::now() < next) return;
  next = Clock::now() + interval;
  Report report;
  report.current = current;
  report.total = total;
  send(report);
}

}  // namespace conductor::transfer::program

int main(int argc, char** argv) {
  using namespace conductor::transfer::program;
  const std::string_view mode = argc == 2 ? argv[1] : "";
  if (!knows(mode)) return conductor::base::exit_usage;  // it is started by conductor alone
  end_with_parent();
  if (const auto report = result_of(mode)) send(*report);
  _exit(0);  // no destructor of a library runs code that the filter refuses
}
