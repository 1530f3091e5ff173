#include "monitor/modes.hpp"

#include "base/error.hpp"
#include "base/wire.hpp"
#include "monitor/confine.hpp"
#include "monitor/exec_session.hpp"
#include "monitor/protocol.hpp"
#include "monitor/session.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <string_view>

namespace conductor::monitor {
namespace {

using base::Error;
using linux::Fd;

constexpr const char* own_oom_score = "-500";

// The specification as the file has it, mapped: a buffer for it would stay in this process's heap for good. Its
// descriptor stays open: it is locked, which tells everybody else that this process is there.
class SpecFile {
 public:
  SpecFile() {
    struct stat found{};
    if (fstat(spec_descriptor, &found) != 0 || found.st_size <= 0) throw Error("it is not there");
    size_ = static_cast<std::size_t>(found.st_size);
    bytes_ = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, spec_descriptor, 0);
    if (bytes_ == MAP_FAILED) throw Error::from_errno("cannot map it");
  }
  ~SpecFile() { munmap(bytes_, size_); }
  SpecFile(const SpecFile&) = delete;
  SpecFile& operator=(const SpecFile&) = delete;
  std::string_view bytes() const { return {static_cast<const char*>(bytes_), size_}; }

 private:
  void* bytes_ = MAP_FAILED;
  std::size_t size_ = 0;
};

template <class Spec>
Spec read_spec() {
  const base::Context context("launch specification");
  return base::from_wire<Spec>(SpecFile().bytes());
}

// Everything that may happen to a process by itself, before it does anything. Descriptor `network_descriptor` is taken
// by something harmless until there is a network namespace, so that nothing else gets that number.
void prepare() {
  prctl(PR_SET_NAME, "conductor-mon", 0, 0, 0);
  signal(SIGPIPE, SIG_IGN);
  umask(077);
  hide_from_tracers();
  linux::close_on_exec_from(control_descriptor);
  dup3(control_descriptor, network_descriptor, O_CLOEXEC);
}

// The monitor is worth more than what it watches. Refused without CAP_SYS_RESOURCE.
void outlive_others() {
  try {
    linux::write_kernel_file("/proc/self/oom_score_adj", own_oom_score);
  } catch (const Error&) {
  }
}

// Runs `body`; what it throws goes to the starter.
template <class Body>
int with_report(Body&& body) {
  prepare();
  const Fd starter(fcntl(control_descriptor, F_DUPFD_CLOEXEC, 0));  // the body owns the other
  Report report{Event::failed, {}, {}, base::exit_error};
  try {
    return body();
  } catch (const Error& failure) {
    report.error = failure.what();
    report.code = failure.exit_code();
  } catch (const std::exception& failure) {
    report.error = failure.what();
  }
  try {
    linux::send_message(starter.get(), base::to_wire(report));
  } catch (const std::exception&) {
    // Nobody is left to tell.
  }
  return report.code;
}

}  // namespace

int run_mode() {
  return with_report([] {
    setsid();
    outlive_others();
    Session(read_spec<LaunchSpec>(), Session::Origin::new_container).run();
    return 0;
  });
}

int adopt_mode() {
  return with_report([] {
    setsid();
    outlive_others();
    Session(read_spec<LaunchSpec>(), Session::Origin::orphan).adopt();
    return 0;
  });
}

int exec_mode() {
  return with_report([] { return ExecSession(read_spec<ExecSpec>()).run(); });
}

}  // namespace conductor::monitor
