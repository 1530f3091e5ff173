// A private store with a small root file system of busybox, and containers that are gone when the test ends.
#pragma once

#include "base/error.hpp"
#include "linux/capabilities.hpp"
#include "runtime/runtime.hpp"
#include "store/records.hpp"
#include "support/catch.hpp"
#include "support/temp.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#define NEEDS_ROOT() \
  if (geteuid() != 0) SKIP_TEST("needs root")

namespace test {

using namespace conductor;

struct Outcome {
  int code = 0;
  std::string output;
  std::string error;
};

class Containers {
 public:
  Containers() {
    setenv("CONDUCTOR_MONITOR", CONDUCTOR_MONITOR, 1);
    locations.root = directory / "root";
    locations.state = directory / "run";
    locations.instance = "conductor-test-" + std::to_string(getpid());
    locations.prepare();
    make_rootfs();
  }
  ~Containers() {
    for (const auto& id : ids_) {
      try {
        runtime().stop(id, std::chrono::seconds(0));
        runtime().clean(id);
      } catch (const std::exception&) {
      }
    }
    for (const auto& group : linux::list_cgroups(locations.instance)) rmdir(group.c_str());
    for (const auto& group : linux::Cgroup(locations.instance).directories()) rmdir(group.c_str());
  }
  Containers(const Containers&) = delete;
  Containers& operator=(const Containers&) = delete;

  runtime::Runtime runtime() const { return runtime::Runtime(locations); }

  // A container of the default confinement that executes `arguments`.
  runtime::Setup setup(std::vector<std::string> arguments) {
    runtime::Setup setup;
    setup.id = store::new_id();
    ids_.push_back(setup.id);
    const std::string own = locations.container(setup.id);
    for (const char* name : {"/upper", "/work"}) store::make_directory(own + name, 0755);
    auto& launch = setup.launch;
    launch.lower = {rootfs()};
    launch.upper = own + "/upper";
    launch.work = own + "/work";
    launch.hostname = "box";
    launch.masked_paths = runtime::default_masked_paths();
    launch.read_only_paths = runtime::default_read_only_paths();
    launch.sysctls = runtime::default_sysctls(true);
    launch.process = process(std::move(arguments));
    setup.devices = runtime::default_devices();
    setup.limits.pids = runtime::default_pids_limit;
    return setup;
  }
  monitor::Process process(std::vector<std::string> arguments) const {
    monitor::Process process;
    process.arguments = std::move(arguments);
    process.capabilities = linux::default_capabilities();
    process.filter = runtime::filter_for(locations, process.capabilities);
    process.limits = runtime::default_limits();
    return process;
  }

  // Runs it to its end; what it wrote comes from the files it wrote to.
  Outcome run(const runtime::Setup& what, const std::string& input = {}) {
    const std::string base = directory / "stream";
    {
      const auto file = linux::open_file(base + "0", O_WRONLY | O_CREAT | O_TRUNC, 0600);
      linux::write_all(file.get(), input);
    }
    const auto in = linux::open_file(base + "0", O_RDONLY);
    const auto out = linux::open_file(base + "1", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const auto err = linux::open_file(base + "2", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    auto created = runtime().create(what, {in.get(), out.get(), err.get()});
    created.start();
    Outcome outcome;
    outcome.code = created.wait();
    outcome.output = linux::read_file(base + "1");
    outcome.error = linux::read_file(base + "2");
    return outcome;
  }
  Outcome command(std::vector<std::string> arguments) { return run(setup(std::move(arguments))); }
  Outcome shell(const std::string& script) { return command({"sh", "-c", script}); }

  // Starts it detached; its id.
  std::string start(const runtime::Setup& what) {
    auto created = runtime().create(what, {});
    created.start();
    created.detach();
    return what.id;
  }

  // Runs a command in it with descriptors 1 and 2 going to files.
  Outcome exec(const std::string& id, const monitor::Process& what) {
    const std::string base = directory / "exec";
    const Redirect out(1, base + "1");
    const Redirect err(2, base + "2");
    Outcome outcome;
    try {
      outcome.code = runtime().exec(id, what);
    } catch (const base::Error& e) {
      outcome.code = e.exit_code();
      outcome.error = e.what();
    }
    outcome.output = linux::read_file(base + "1");
    outcome.error += linux::read_file(base + "2");
    return outcome;
  }

  std::string log_text(const std::string& id, const runtime::LogOptions& options = {}) {
    std::string text;
    runtime().logs(id, options, [&](runtime::Stream, std::int64_t, std::string_view bytes) { text += bytes; });
    return text;
  }
  // True once the status is as wanted; false after ten seconds.
  bool becomes(const std::string& id, const std::function<bool(const monitor::Status&)>& accept) {
    return runtime().wait_for(id, accept, std::chrono::seconds(10));
  }

  std::string rootfs() const { return directory / "rootfs"; }
  const TemporaryDirectory directory;
  store::Locations locations;

 private:
  class Redirect {
   public:
    Redirect(int number, const std::string& path) : number_(number), saved_(fcntl(number, F_DUPFD_CLOEXEC, 10)) {
      const auto file = linux::open_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
      std::fflush(nullptr);
      dup2(file.get(), number);
    }
    ~Redirect() { dup2(saved_.get(), number_); }
    Redirect(const Redirect&) = delete;
    Redirect& operator=(const Redirect&) = delete;

   private:
    int number_;
    linux::Fd saved_;
  };

  void make_rootfs() const {
    for (const char* name : {"/bin", "/etc", "/tmp", "/proc", "/sys", "/dev", "/root"})
      store::make_directory(rootfs() + name, 0755);
    chmod(rootfs().c_str(), 0755);
    std::filesystem::copy_file("/bin/busybox", rootfs() + "/bin/busybox");
    for (const char* name :
         {"sh",   "true", "false", "cat",      "echo", "sleep", "id",       "ls",  "grep", "mount", "umount", "stty",
          "kill", "ps",   "touch", "readlink", "stat", "tty",   "hostname", "pwd", "seq",  "dd",    "wc"})
      REQUIRE(symlink("busybox", (rootfs() + "/bin/" + name).c_str()) == 0);
    write("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nweb:x:1000:1001:web:/srv:/bin/sh\n");
    write("/etc/group", "root:x:0:\nweb:x:1001:\nextra:x:2000:web\n");
  }

 public:
  void write(const std::string& path, const std::string& content, mode_t mode = 0644) const {
    const auto file = linux::open_file(rootfs() + path, O_WRONLY | O_CREAT | O_TRUNC, mode);
    linux::write_all(file.get(), content);
    fchmod(file.get(), mode);
  }

 private:
  std::vector<std::string> ids_;
};

}  // namespace test
