#include "image/bootstrap.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "image/apt_sources.hpp"
#include "image/base_cleaning.hpp"
#include "image/bootstrap_progress.hpp"
#include "image/names.hpp"
#include "image/snapshots.hpp"
#include "image/suite.hpp"
#include "linux/fd.hpp"
#include "linux/process.hpp"
#include "linux/root_fd.hpp"
#include "store/lock.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>

namespace conductor::image {
namespace {

using base::Error;

constexpr const char* program_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr std::chrono::hours longest_wait(2);  // for another process that bootstraps the same suite

std::string find_debootstrap(const Suite& suite) {
  for (const auto& directory : base::split(program_path, ':')) {
    const std::string path = directory + "/debootstrap";
    if (access(path.c_str(), X_OK) == 0) return path;
  }
  throw Error("debootstrap is not installed, so " + suite.text() + " cannot be made")
      .with_hint("apt-get install debootstrap");
}

// Proxies as the caller has them, else as apt has them; nothing else of the caller's environment.
std::vector<std::string> environment_for(const AptConfiguration& apt) {
  std::vector<std::string> environment = {std::string("PATH=") + program_path, "HOME=/root", "LC_ALL=C",
                                          "DEBIAN_FRONTEND=noninteractive"};
  bool has_proxy = false;
  for (const std::string name : {"http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"}) {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) continue;
    environment.push_back(name + "=" + value);
    has_proxy = has_proxy || base::lower(name) == "http_proxy";
  }
  if (!has_proxy && apt.proxy) environment.push_back("http_proxy=" + *apt.proxy);
  return environment;
}

std::optional<std::string> mirror_for(const Suite& suite, const AptConfiguration& apt) {
  if (!suite.snapshot.empty()) return snapshot_address(snapshot_pattern(suite), suite.distribution, suite.snapshot);
  return mirror_of(apt.sources, suite.distribution, suite.name);
}

linux::SpawnOptions command_for(const Suite& suite, const std::string& target, const AptConfiguration& apt) {
  linux::SpawnOptions options;
  options.program = find_debootstrap(suite);
  options.arguments = debootstrap_arguments(suite, require_suite(suite), target, mirror_for(suite, apt));
  options.environment = environment_for(apt);
  return options;
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> list;
  list.reserve(strings.size() + 1);
  for (const auto& text : strings) list.push_back(const_cast<char*>(text.c_str()));
  list.push_back(nullptr);
  return list;
}

// The caller that died before we asked to die with it no longer reads what we write.
bool has_reader(int pipe) {
  pollfd poll_request{pipe, 0, 0};
  return poll(&poll_request, 1, 0) == 0;
}

// All that the child needs, made before it is: other threads may hold the allocator's lock when it is cloned.
struct Launch {
  const char* program;
  std::vector<char*> arguments, environment;
  linux::Fd null;
};

// In the child: the first process of its own pid and mount namespaces, so that its end is the end of all it has started
// and mounted; and it ends with us. Only async-signal-safe calls.
int become_debootstrap(Launch& launch, int output) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (!has_reader(output)) return base::exit_error;
  setsid();
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return base::exit_error;
  umask(022);
  dup2(launch.null.get(), STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM, SIGCHLD}) std::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  linux::close_on_exec_from(STDERR_FILENO + 1);
  execve(launch.program, launch.arguments.data(), launch.environment.data());
  constexpr std::string_view complaint = "E: cannot start debootstrap\n";
  return write(STDERR_FILENO, complaint.data(), complaint.size()) < 0 ? base::exit_error : base::exit_not_executable;
}

// Ends what runs in the namespaces, also when reading its output or telling of it fails.
class Running {
 public:
  explicit Running(linux::Child child) : child_(std::move(child)) {}
  ~Running() {
    if (ended_) return;
    kill(child_.pid, SIGKILL);  // not yet waited for: the pid is still its own
    linux::wait_for(child_.pidfd);
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  linux::Ending wait() {
    ended_ = true;
    return linux::wait_for(child_.pidfd);
  }

 private:
  linux::Child child_;
  bool ended_ = false;
};

// Until there is something to read. Throws when it is cancelled before.
void wait_for_output(int output, const linux::Cancellation* cancellation) {
  std::array<pollfd, 2> requests{pollfd{output, POLLIN, 0},
                                 pollfd{cancellation != nullptr ? cancellation->descriptor() : -1, POLLIN, 0}};
  int result = 0;
  do result = poll(requests.data(), requests.size(), -1);
  while (result < 0 && errno == EINTR);
  if (result < 0) throw Error::from_errno("cannot wait for debootstrap");
  if (cancellation != nullptr) cancellation->check();
}

void follow(int output, BootstrapProgress& state, const Progress& progress, const linux::Cancellation* cancellation) {
  std::string pending;
  std::array<char, 4096> buffer{};
  for (;;) {
    wait_for_output(output, cancellation);
    const ssize_t size = read(output, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) throw Error::from_errno("cannot read what debootstrap says");
    if (size == 0) return;
    pending.append(buffer.data(), static_cast<std::size_t>(size));
    for (auto end = pending.find('\n'); end != std::string::npos; end = pending.find('\n')) {
      const auto sentence = state.take(pending.substr(0, end), std::chrono::steady_clock::now());
      if (sentence && progress) progress(*sentence);
      pending.erase(0, end + 1);
    }
  }
}

void run_debootstrap(const Suite& suite, const std::string& target, const AptConfiguration& apt,
                     const Progress& progress, const linux::Cancellation* cancellation) {
  const linux::SpawnOptions options = command_for(suite, target, apt);
  BootstrapProgress state(suite.text());
  linux::Pipe output = linux::make_pipe();
  Launch launch{options.program.c_str(), pointers(options.arguments), pointers(options.environment),
                linux::open_file("/dev/null", O_RDONLY)};
  Running running(linux::clone_child(CLONE_NEWNS | CLONE_NEWPID, [&] {
    close(output.read.get());
    return become_debootstrap(launch, output.write.get());
  }));
  output.write.reset();
  follow(output.read.get(), state, progress, cancellation);
  const linux::Ending ending = running.wait();
  if (ending.shell_code() != 0)
    throw Error("debootstrap failed for " + suite.text() + " (exit code " + std::to_string(ending.shell_code()) +
                "): " + state.complaint());
}

// Packages are installed without an fsync for each file: a step's layer is synced as a whole before it counts.
void configure_dpkg(const linux::RootFd& root) {
  root.write_file("/etc/dpkg/dpkg.cfg.d/unsafe-io", "force-unsafe-io\n");
}

// The image installs packages from where the host does.
void configure_apt(const linux::RootFd& root, const Suite& suite, const AptConfiguration& apt) {
  const std::string sources = suite.snapshot.empty() ? sources_list_for(apt.sources, suite.distribution, suite.name)
                                                     : snapshot_sources(suite, snapshot_pattern(suite));
  if (sources.empty()) return;
  root.write_file("/etc/apt/sources.list", sources);
  root.remove_all("/etc/apt/sources.list.d/" + suite.distribution + ".sources");
  if (apt.accepts_old_archive || !suite.snapshot.empty())
    root.write_file("/etc/apt/apt.conf.d/80archive", "Acquire::Check-Valid-Until \"false\";\n");
}

// `released`: when the archive was, unix seconds.
Image describe(const Suite& suite, const std::string& layer, std::optional<std::int64_t> released) {
  Image image;
  image.layers = {layer};
  image.config.env = {std::string("PATH=") + program_path};
  image.config.cmd = {suite.distribution == "ubuntu" ? "/bin/bash" : "bash"};
  image.architecture = native_architecture();
  if (released) image.created = *released * 1'000'000'000;
  image.history = {{released.value_or(0), "debootstrap --variant=minbase " + suite.text(), "", false}};
  return image;
}

// One process at a time makes a base. Says so when it has to wait; a lock cannot be waited for together with something
// else, so it is asked for again and again.
store::Lock lock_base(const store::Locations& locations, const Suite& suite, const Progress& progress,
                      const linux::Cancellation* cancellation) {
  const std::string path = locations.locks() + "/base-" + encode_file_name(suite.text());
  if (auto lock = store::Lock::try_acquire(path)) return std::move(*lock);
  if (progress) progress("another build is bootstrapping " + suite.text() + "; waiting");
  if (cancellation == nullptr) return store::Lock::acquire(path, store::Lock::Mode::exclusive, longest_wait);
  constexpr int pause = 100;  // milliseconds
  for (;;) {
    if (auto lock = store::Lock::try_acquire(path)) return std::move(*lock);
    linux::wait_readable(cancellation->descriptor(), pause);
    cancellation->check();
  }
}

}  // namespace

// Debootstrap checks the signature of the archive and not until when it is valid, so a past day needs no option.
std::vector<std::string> debootstrap_arguments(const Suite& suite, const std::string& keyring,
                                               const std::string& target, const std::optional<std::string>& mirror) {
  std::vector<std::string> arguments = {"debootstrap",          "--variant=minbase", "--force-check-gpg",
                                        "--keyring=" + keyring, suite.name,          target};
  if (mirror) arguments.push_back(*mirror);
  return arguments;
}

Image bootstrap(Images& images, const store::Locations& locations, const Suite& suite, const Progress& progress,
                const linux::Cancellation* cancellation) {
  require_suite(suite);
  if (!suite.snapshot.empty()) snapshot_pattern(suite);  // says what is missing before anything is done
  const base::Context context("bootstrapping " + suite.text());
  if (geteuid() != 0) throw Error("only root can do that");
  const store::Lock lock = lock_base(locations, suite, progress, cancellation);
  if (auto image = read_base(locations, suite)) return *image;
  if (progress)
    progress(suite.text() + ": bootstrapping from the distribution's archive, once; this takes about a minute");

  const AptConfiguration apt = read_apt_configuration();
  LayerDraft draft(locations);
  run_debootstrap(suite, draft.upper(), apt, progress, cancellation);
  const auto root = linux::RootFd::open(draft.upper());
  const auto released = release_date(root);
  clean_base(root, released);
  configure_dpkg(root);
  configure_apt(root, suite, apt);
  const std::string layer = images.commit(std::move(draft), released);
  Image image = images.complete(describe(suite, layer, released));
  store::write_record(base_record(locations, suite), image);
  if (progress) progress(suite.text() + ": ready, " + base::format_size(image.size));
  return image;
}

}  // namespace conductor::image
