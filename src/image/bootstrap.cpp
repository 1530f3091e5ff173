#include "image/bootstrap.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "image/apt_sources.hpp"
#include "image/bootstrap_progress.hpp"
#include "image/names.hpp"
#include "image/suite.hpp"
#include "linux/fd.hpp"
#include "linux/mount.hpp"
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

std::string text_of(const Suite& suite) { return suite.distribution + ":" + suite.name; }

std::string find_debootstrap(const Suite& suite) {
  for (const auto& directory : base::split(program_path, ':')) {
    const std::string path = directory + "/debootstrap";
    if (access(path.c_str(), X_OK) == 0) return path;
  }
  throw Error("debootstrap is not installed, so " + text_of(suite) + " cannot be made")
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

linux::SpawnOptions command_for(const Suite& suite, const std::string& target, const AptConfiguration& apt) {
  linux::SpawnOptions options;
  options.program = find_debootstrap(suite);
  options.arguments = {
      "debootstrap", "--variant=minbase", "--force-check-gpg", "--keyring=" + require_suite(suite), suite.name, target};
  if (const auto mirror = mirror_of(apt.sources, suite.distribution, suite.name)) options.arguments.push_back(*mirror);
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

// In the child: the first process of its own pid and mount namespaces, so that its end is the end of all it has started
// and mounted; and it ends with us.
int become_debootstrap(const linux::SpawnOptions& options, linux::Pipe& output) {
  output.read.reset();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (!has_reader(output.write.get())) return base::exit_error;
  setsid();
  linux::make_mounts_private();
  umask(022);
  const linux::Fd null = linux::open_file("/dev/null", O_RDONLY);
  dup2(null.get(), STDIN_FILENO);
  dup2(output.write.get(), STDOUT_FILENO);
  dup2(output.write.get(), STDERR_FILENO);
  for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM, SIGCHLD}) std::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  linux::close_on_exec_from(STDERR_FILENO + 1);
  auto arguments = pointers(options.arguments);
  auto environment = pointers(options.environment);
  execve(options.program.c_str(), arguments.data(), environment.data());
  throw Error::from_errno("cannot start " + options.program);
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

void follow(int output, BootstrapProgress& state, const Progress& progress) {
  std::string pending;
  std::array<char, 4096> buffer{};
  for (;;) {
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
                     const Progress& progress) {
  const linux::SpawnOptions options = command_for(suite, target, apt);
  BootstrapProgress state(text_of(suite));
  linux::Pipe output = linux::make_pipe();
  Running running(linux::clone_child(CLONE_NEWNS | CLONE_NEWPID, [&] { return become_debootstrap(options, output); }));
  output.write.reset();
  follow(output.read.get(), state, progress);
  const linux::Ending ending = running.wait();
  if (ending.shell_code() != 0)
    throw Error("debootstrap failed for " + text_of(suite) + " (exit code " + std::to_string(ending.shell_code()) +
                "): " + state.complaint());
}

void empty_directory(const linux::RootFd& root, const std::string& directory) {
  if (!root.status(directory)) return;
  const std::string prefix = directory + "/";
  for (const auto& name : root.list(directory)) root.remove_all(prefix + name);
}

// What belongs to this machine or to this moment does not belong into an image.
void clean(const linux::RootFd& root) {
  for (const char* directory : {"/var/cache/apt", "/var/lib/apt/lists", "/dev", "/tmp"})
    empty_directory(root, directory);
  root.make_directories("/var/cache/apt/archives/partial");
  root.make_directories("/var/lib/apt/lists/partial");
  for (const char* file : {"/etc/resolv.conf", "/etc/hostname", "/etc/machine-id"}) root.write_file(file, "");
  for (const char* file : {"/var/lib/dbus/machine-id", "/var/log/bootstrap.log", "/var/log/dpkg.log",
                           "/var/log/alternatives.log", "/var/log/apt", "/var/cache/ldconfig/aux-cache"})
    root.remove_all(file);
  root.make_directories("/var/log/apt");
}

// The image installs packages from where the host does.
void configure_apt(const linux::RootFd& root, const Suite& suite, const AptConfiguration& apt) {
  const std::string sources = sources_list_for(apt.sources, suite.distribution, suite.name);
  if (sources.empty()) return;
  root.write_file("/etc/apt/sources.list", sources);
  root.remove_all("/etc/apt/sources.list.d/" + suite.distribution + ".sources");
  if (apt.accepts_old_archive)
    root.write_file("/etc/apt/apt.conf.d/80archive", "Acquire::Check-Valid-Until \"false\";\n");
}

Image describe(const Suite& suite, const std::string& layer) {
  Image image;
  image.layers = {layer};
  image.config.env = {std::string("PATH=") + program_path};
  image.config.cmd = {suite.distribution == "ubuntu" ? "/bin/bash" : "bash"};
  image.architecture = native_architecture();
  image.created = base::now_unix_ns();
  return image;
}

// One process at a time makes a base. Says so when it has to wait.
store::Lock lock_base(const store::Locations& locations, const Suite& suite, const Progress& progress) {
  const std::string path = locations.locks() + "/base-" + encode_file_name(text_of(suite));
  if (auto lock = store::Lock::try_acquire(path)) return std::move(*lock);
  if (progress) progress("another build is bootstrapping " + text_of(suite) + "; waiting");
  return store::Lock::acquire(path, store::Lock::Mode::exclusive, longest_wait);
}

}  // namespace

Image bootstrap(Images& images, const store::Locations& locations, const Suite& suite, const Progress& progress) {
  require_suite(suite);
  const base::Context context("bootstrapping " + text_of(suite));
  if (geteuid() != 0) throw Error("only root can do that");
  const store::Lock lock = lock_base(locations, suite, progress);
  if (auto image = read_base(locations, suite)) return *image;
  if (progress)
    progress(text_of(suite) + ": bootstrapping from the distribution's archive, once; this takes about a minute");

  const AptConfiguration apt = read_apt_configuration();
  LayerDraft draft(locations);
  run_debootstrap(suite, draft.upper(), apt, progress);
  const auto root = linux::RootFd::open(draft.upper());
  clean(root);
  configure_apt(root, suite, apt);
  Image image = images.complete(describe(suite, images.commit(std::move(draft))));
  store::write_record(base_record(locations, suite), image);
  if (progress) progress(text_of(suite) + ": ready, " + base::format_size(image.size));
  return image;
}

}  // namespace conductor::image
