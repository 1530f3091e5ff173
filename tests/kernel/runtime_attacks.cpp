// Images and neighbours that work against whoever starts a container: traps where we mount and write, names that change
// while we look, and programs that are opened while they run.
#include "base/sha256.hpp"
#include "base/text.hpp"
#include "linux/mount.hpp"
#include "linux/process.hpp"
#include "runtime_fixture.hpp"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <thread>

using namespace test;

namespace {

// Everything below a directory of the host that no container may change: names, kinds, bytes.
std::string picture_of(const std::string& directory) {
  std::vector<std::string> lines;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    std::string line = entry.path().string() + " " + std::to_string(static_cast<int>(entry.symlink_status().type()));
    if (entry.is_regular_file() && !entry.is_symlink()) line += " " + linux::read_file(entry.path());
    lines.push_back(line);
  }
  std::sort(lines.begin(), lines.end());
  std::string text;
  for (const auto& line : lines) text += line + "\n";
  return text;
}

std::vector<std::string> mount_points() {
  std::vector<std::string> points;
  for (const auto& mount : linux::list_mounts()) points.push_back(mount.point);
  return points;
}

// A tree of the host with something of every kind in it.
class Canary {
 public:
  explicit Canary(std::string directory) : directory_(std::move(directory)) {
    for (const char* name : {"", "/etc", "/dev", "/proc", "/sys"}) store::make_directory(directory_ + name, 0755);
    for (const char* name : {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/etc/passwd", "/etc/group", "/file"})
      linux::write_all(linux::open_file(directory_ + name, O_WRONLY | O_CREAT, 0644).get(), "of the host\n");
    before_ = picture_of(directory_);
    mounts_ = mount_points();
  }
  const std::string& path() const { return directory_; }
  void check() const {
    CHECK(picture_of(directory_) == before_);
    CHECK(mount_points() == mounts_);
  }

 private:
  std::string directory_, before_;
  std::vector<std::string> mounts_;
};

int count_from_environment(const char* name, int otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : atoi(text);
}

// The three files an engine binds into every container.
void bind_network_files(Containers& containers, runtime::Setup& what) {
  const std::string own = containers.directory / "own-file";
  linux::write_all(linux::open_file(own, O_WRONLY | O_CREAT | O_TRUNC, 0644).get(), "of the container\n");
  for (const char* name : {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf"}) {
    monitor::Mount mount;
    mount.source = own;
    mount.target = name;
    mount.file = true;
    what.launch.mounts.push_back(mount);
  }
}

enum class Kind { outward_link, relative_link, loop, fifo, file, directory };
constexpr std::array kinds{Kind::outward_link, Kind::relative_link, Kind::loop,
                           Kind::fifo,         Kind::file,          Kind::directory};

void put_trap(const std::string& path, Kind kind, const std::string& canary) {
  std::filesystem::remove_all(path);
  int result = 0;
  switch (kind) {
    case Kind::outward_link:
      result = symlink(canary.c_str(), path.c_str());
      break;
    case Kind::relative_link:
      result = symlink(("../../../../../../../../../../.." + canary).c_str(), path.c_str());
      break;
    case Kind::loop:
      result = symlink(path.substr(path.find_last_of('/') + 1).c_str(), path.c_str());
      break;
    case Kind::fifo:
      result = mkfifo(path.c_str(), 0666);
      break;
    case Kind::file:
      linux::write_all(linux::open_file(path, O_WRONLY | O_CREAT, 0755).get(), "not a program");
      break;
    case Kind::directory:
      result = mkdir(path.c_str(), 0755);
      break;
  }
  REQUIRE(result == 0);
}

// Nothing but an Error, or a program that ends: what the trap was set for has not happened.
void run_harmlessly(Containers& containers, const runtime::Setup& what) {
  try {
    containers.run(what);
  } catch (const base::Error& error) {
    CHECK(std::string(error.what()) != "");
  }
}

// From here on this thread, and all it starts, runs on a kernel without openat2.
void lose_openat2() {
  sock_filter instructions[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{std::size(instructions), instructions};
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) throw base::Error::from_errno("seccomp");
}

// Exchanges two names as fast as it can while it lives.
class Racer {
 public:
  Racer(const std::string& one, const std::string& other)
      : thread_([this, one, other] {
          while (!stop_) {
            renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE);
            ++exchanges_;
          }
        }) {}
  ~Racer() {
    stop_ = true;
    thread_.join();
  }
  Racer(const Racer&) = delete;
  Racer& operator=(const Racer&) = delete;
  long exchanges() const { return exchanges_; }

 private:
  std::atomic<bool> stop_ = false;
  std::atomic<long> exchanges_ = 0;
  std::thread thread_;
};

// Containers whose mounts lie in a volume where a directory and a link to the host take turns.
void race(int starts) {
  Containers containers;
  const Canary canary(containers.directory / "canary");
  const std::string volume = containers.directory / "volume";
  for (const char* name : {"", "/real", "/real/below"}) store::make_directory(volume + name, 0755);
  REQUIRE(symlink(("../../../../../../../../../.." + canary.path()).c_str(), (volume + "/link").c_str()) == 0);
  const Racer racer(volume + "/real", volume + "/link");
  int started = 0;
  for (int i = 0; i < starts; ++i) {
    auto what = containers.setup({"sh", "-c", "cat /data/real/below/proof/file"});
    monitor::Mount shared, inner, absent, memory;
    shared.source = volume;
    shared.target = "/data";
    inner.source = containers.rootfs() + "/etc";
    inner.target = "/data/real/below";
    absent.source = containers.rootfs() + "/tmp";
    absent.target = "/data/real/made-" + std::to_string(i);
    memory.type = "tmpfs";
    memory.target = "/data/real/memory";
    what.launch.mounts = {shared, inner, absent, memory};
    what.launch.process.working_directory = "/data/real/work-" + std::to_string(i);
    try {
      containers.run(what);
      ++started;
    } catch (const base::Error&) {
    }
  }
  CHECK(racer.exchanges() > starts);
  CHECK(started > 0);
  canary.check();
}

}  // namespace

TEST_CASE("36 traps in an image are refused or do nothing") {
  NEEDS_ROOT();
  int traps = 0;
  for (const char* place : {"/proc", "/sys", "/dev", "/etc", "/work", "/bin/entry"}) {
    for (const Kind kind : kinds) {
      Containers containers;
      const Canary canary(containers.directory / "canary");
      put_trap(containers.rootfs() + place, kind, canary.path());
      auto what = containers.setup(
          {std::string(place) == "/bin/entry" ? "/bin/entry" : "/bin/sh", "-c", "echo x > /etc/hosts; echo x > x"});
      bind_network_files(containers, what);
      what.launch.process.working_directory = "/work";
      what.launch.process.user = std::string(place) == "/etc" ? "web" : "";
      run_harmlessly(containers, what);
      canary.check();
      ++traps;
    }
  }
  CHECK(traps == 36);
}

TEST_CASE("30 traps among the files of /etc are refused or do nothing") {
  NEEDS_ROOT();
  for (const char* name : {"hosts", "hostname", "resolv.conf", "passwd", "group"}) {
    for (const Kind kind : kinds) {
      Containers containers;
      const Canary canary(containers.directory / "canary");
      const std::string target = canary.path() + "/etc/" + name;
      put_trap(containers.rootfs() + "/etc/" + name, kind, target);
      auto what = containers.setup({"sh", "-c", std::string("echo x > /etc/") + name});
      bind_network_files(containers, what);
      what.launch.process.user = "web";
      run_harmlessly(containers, what);
      canary.check();
    }
  }
}

TEST_CASE("links of /dev in an image do not lead our nodes, links and terminals out of it") {
  NEEDS_ROOT();
  Containers containers;
  const Canary canary(containers.directory / "canary");
  for (const char* name : {"null", "console", "ptmx", "pts", "shm", "fd", "mqueue"})
    REQUIRE(symlink((canary.path() + "/file").c_str(), (containers.rootfs() + "/dev/" + name).c_str()) == 0);
  for (const bool terminal : {false, true}) {
    auto what = containers.setup({"sh", "-c", "stat -c %t:%T /dev/null; echo x > /dev/shm/x; echo x > /dev/console"});
    what.launch.process.terminal = terminal;
    run_harmlessly(containers, what);
    canary.check();
  }
}

TEST_CASE("no mount and no file reaches the host while names change below a volume") {
  NEEDS_ROOT();
  race(count_from_environment("CONDUCTOR_RACE_STARTS", 100));
}

TEST_CASE("nor on a kernel without openat2") {
  NEEDS_ROOT();
  std::exception_ptr failure;
  std::thread([&] {
    try {
      lose_openat2();
      CHECK(syscall(SYS_openat2, AT_FDCWD, "/", nullptr, 0) == -1);
      CHECK(errno == ENOSYS);
      race(count_from_environment("CONDUCTOR_RACE_STARTS", 100));
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
}

TEST_CASE("masked files are the null device while a neighbour replaces /dev/null in a shared /dev") {
  NEEDS_ROOT();
  Containers containers;
  const std::string shared = containers.directory / "null";
  store::make_directory(shared, 0755);
  REQUIRE(mknod((shared + "/null").c_str(), S_IFCHR | 0666, makedev(1, 3)) == 0);
  REQUIRE(symlink("/proc/sysrq-trigger", (shared + "/link").c_str()) == 0);
  const Racer racer(shared + "/null", shared + "/link");
  const int starts = count_from_environment("CONDUCTOR_RACE_STARTS", 30);
  for (int i = 0; i < starts; ++i) {
    auto what = containers.setup(
        {"sh", "-c",
         "for f in /proc/kcore /proc/keys /proc/timer_list /proc/interrupts; do "
         "[ -e $f ] && stat -c %t:%T $f; done; (: > /proc/sysrq-trigger) 2>/dev/null && echo written; true"});
    monitor::Mount mount;
    mount.source = shared;
    mount.target = "/tmp";
    what.launch.mounts = {mount};
    const auto outcome = containers.run(what);
    for (const auto& line : base::split(outcome.output, '\n')) CHECK((line == "1:3" || line.empty()));
  }
}

TEST_CASE("a container cannot write to the program that executes its commands") {
  NEEDS_ROOT();
  Containers containers;
  const std::string before = base::sha256_hex(linux::read_file(CONDUCTOR_MONITOR));
  // Opens the program of every process it can see, for writing; the interpreter of /bin/self is whoever executes it.
  containers.write("/bin/self", "#!/proc/self/exe\n", 0755);
  const std::string attack =
      "while true; do for e in /proc/[0-9]*/exe; do "
      "case $(readlink $e) in *busybox) ;; *) (: >> $e) 2>/dev/null && echo opened;; esac; done; done";
  const auto id = containers.start(containers.setup({"sh", "-c", attack}));
  const int execs = count_from_environment("CONDUCTOR_EXEC_ATTACKS", 500);
  for (int i = 0; i < execs; ++i) {
    const bool self = i % 5 == 0;
    const auto outcome = containers.exec(id, containers.process({self ? "/bin/self" : "/bin/true"}));
    if (!self) CHECK(outcome.code == 0);
  }
  CHECK(containers.log_text(id) == "");
  CHECK(base::sha256_hex(linux::read_file(CONDUCTOR_MONITOR)) == before);
}

TEST_CASE("a new process of a container shows nothing of the host among its descriptors") {
  NEEDS_ROOT();
  Containers containers;
  // stdout and stderr are the FIFOs of its own log.
  const std::string attack =
      "while true; do for d in /proc/[0-9]*/fd/*; do case $(readlink $d) in "
      "''|pipe:*|/dev/null|socket:*|anon_inode:*|/proc/*|*/stdout|*/stderr) ;; *) readlink $d;; esac; done; done";
  const auto id = containers.start(containers.setup({"sh", "-c", attack}));
  const int execs = count_from_environment("CONDUCTOR_EXEC_ATTACKS", 100);
  for (int i = 0; i < execs; ++i) CHECK(containers.exec(id, containers.process({"/bin/true"})).code == 0);
  CHECK(containers.log_text(id) == "");
}
