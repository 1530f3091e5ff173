// RUN --mount: what a step sees, what it may do there, and what is left afterwards.
#include "base/error.hpp"
#include "builder/cache_mounts.hpp"
#include "builder/run_mounts_agent.hpp"
#include "builder_rig.hpp"
#include "linux/cancellation.hpp"
#include "linux/cgroup.hpp"
#include "store/lock.hpp"
#include "support/catch.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <thread>

using namespace conductor;
using Names = std::vector<std::string>;

#define NEED_PROGRAMS(rig) \
  if (!(rig).add_programs()) SKIP_TEST("there is no static busybox at /bin/busybox")

namespace {

const std::string run = "RUN --network=none ";

// The store in memory: what these tests make is not worth syncing.
struct Rig : BuilderRig {
  Rig() : BuilderRig("256m") {}
};

// The bytes of every file that a build has left in the store: layers, records, cache.
bool is_in_store(const BuilderRig& rig, const std::string& text, const std::string& below = "") {
  const auto root = linux::RootFd::open(rig.locations().root);
  for (const auto& name : root.list(below)) {
    const std::string path = below.empty() ? name : below + "/" + name;
    const auto status = root.status(path);
    if (!status) continue;
    if (S_ISDIR(status->st_mode)) {
      if (is_in_store(rig, text, path)) return true;
    } else if (S_ISREG(status->st_mode)) {
      if (root.read_file(path, 64U << 20U).value_or("").find(text) != std::string::npos) return true;
    }
  }
  return false;
}

// Nothing of a step runs or is mounted any more, and no cache is held.
void check_nothing_left(const BuilderRig& rig) {
  CHECK(store::list_directory(rig.locations().containers()).empty());
  CHECK(store::list_directory(rig.locations().temporary()).empty());
  CHECK(linux::list_cgroups(rig.locations().instance).empty());
  for (const auto& line : engine::census(rig.locations())) {
    INFO(line);
    CHECK_FALSE(line.starts_with("mount "));
    CHECK_FALSE(line.starts_with("process "));
    CHECK_FALSE(line.starts_with("lock cache-mount"));
  }
}

}  // namespace

// --- bind
// ---------------------------------------------------------------------------------------------------------------

TEST_CASE("bind: the context, a directory of it, one file of it, read-only and beneath the working directory") {
  Rig rig;
  NEED_PROGRAMS(rig);
  rig.context().write_file("sub/a", "a\n");
  rig.context().write_file("sub/deep/b", "b\n");
  rig.context().symlink("sub/a", "link");
  const auto image = rig.build(with_programs + "WORKDIR /w\n" + run +
                               "--mount=type=bind,target=/all --mount=source=sub,target=sub "
                               "--mount=type=bind,src=sub/a,dst=/one/file --mount=type=bind,source=link,target=/two "
                               "cat /all/sub/a sub/deep/b /one/file /two; "
                               "touch /all/x || touch sub/x || echo x >> /one/file || echo read-only\n");
  CHECK_THAT(rig.output, Contains("a\nb\na\na\n") && Contains("read-only\n"));
  CHECK(rig.files(image).list("/") == Names{"bin", "w"});
  CHECK(rig.files(image).list("/w").empty());
  CHECK(rig.context().list("sub") == Names{"a", "deep"});
  check_nothing_left(rig);
}

TEST_CASE("bind: what is written with rw is seen by the step and by nobody else") {
  Rig rig;
  NEED_PROGRAMS(rig);
  rig.context().write_file("d/f", "kept\n", 0640);
  REQUIRE(chown((rig.context_path() + "/d").c_str(), 12, 13) == 0);
  const auto image = rig.build(with_programs + run +
                               "--mount=source=d,target=/d,rw --mount=source=d/f,target=/f,rw "
                               "echo more >> /d/f && touch /d/new && rm /d/f && echo other > /f && "
                               "ls /d && cat /f && stat -c '%u:%g' /d\n");
  CHECK(rig.output == "new\nother\n12:13\n");
  CHECK(rig.context().list("d") == Names{"f"});
  CHECK(text_of(rig.context(), "d/f") == "kept\n");
  CHECK(rig.files(image).list("/") == Names{"bin"});
  check_nothing_left(rig);
}

TEST_CASE("bind: a stage, by name and number, and an image; a path in it, through its own links") {
  Rig rig;
  NEED_PROGRAMS(rig);
  rig.context().write_file("tree/out/result", "made\n");
  rig.context().symlink("/out", "tree/absolute");
  rig.context().symlink("../../../../out", "tree/up");
  rig.options.tags = {"first"};
  rig.build("FROM scratch\nCOPY tree /\n");
  rig.options.tags.clear();
  rig.build("FROM scratch AS made\nCOPY tree /\nCOPY tree/out /more\n" + with_programs + run +
            "--mount=from=made,source=/out,target=/a --mount=from=0,source=absolute/result,target=/b "
            "--mount=from=first,source=up,target=/c --mount=from=made,target=/d,rw "
            "cat /a/result /b /c/result /d/more/result; touch /d/x /a/x; ls /d\n");
  CHECK_THAT(rig.output, Contains("made\nmade\nmade\nmade\n") && Contains("Read-only file system"));
  CHECK_THAT(rig.output, Contains("absolute\nmore\nout\nup\nx\n"));
  check_nothing_left(rig);
  CHECK_THAT(rig.failure("FROM scratch AS made\nCOPY tree /\n" + with_programs + run +
                         "--mount=from=made,source=none,target=/a true\n"),
             Contains("Conductorfile:5:1") && Contains("none"));
}

TEST_CASE("bind: no link of a context leads out of it") {
  Rig rig;
  NEED_PROGRAMS(rig);
  for (const auto& [name, target] : {std::pair{"passwd", "/etc/passwd"}, {"etc", "/etc"}, {"up", "../../.."}})
    rig.context().symlink(target, name);
  for (const char* source : {"passwd", "etc", "etc/passwd", "../../etc", "/etc"}) {
    INFO(source);
    CHECK_THAT(rig.failure(with_programs + run + "--mount=source=" + source + ",target=/x true\n"),
               Contains("there is no"));
  }
  rig.build(with_programs + run + "--mount=source=up,target=/x ls /x\n");
  CHECK_THAT(rig.output, Contains("Conductorfile") && Contains("passwd"));
}

TEST_CASE("bind: what the ignore rules leave out is not there, with rw neither") {
  Rig rig;
  NEED_PROGRAMS(rig);
  for (const char* name : {"keep", "drop", "d/keep", "d/drop", "gone/a", "gone/b/keep", "gone/b/drop"})
    rig.context().write_file(name, name);
  rig.context().make_directories("d/empty", 0751);
  REQUIRE(chmod((rig.context_path() + "/d").c_str(), 0711) == 0);
  rig.context().write_file(".dockerignore", "**/drop\ngone\n!gone/b/keep\nConductorfile\n.*\n");
  for (const char* more : {"", ",rw"}) {
    INFO(more);
    rig.build(with_programs + run + "--mount=target=/c" + more +
              " cd /c && ls . d gone gone/b; cat drop 2>&1; stat -c '%a' d d/empty\n");
    CHECK_THAT(rig.output, Contains(".:\nbin\nd\ngone\nkeep\n\nd:\nempty\nkeep\n\ngone:\nb\n\ngone/b:\nkeep\n"
                                    "cat: can't open 'drop': No such file or directory\n711\n751\n"));
  }
  CHECK_THAT(rig.failure(with_programs + run + "--mount=source=drop,target=/c true\n"), Contains("drop"));
  check_nothing_left(rig);
}

TEST_CASE("bind: the key has what the mount shows, and nothing else of the context") {
  Rig rig;
  NEED_PROGRAMS(rig);
  rig.context().write_file("d/f", "1");
  rig.context().write_file("other", "1");
  const std::string text = with_programs + run + "--mount=source=d,target=/d cat /d/f\n";
  rig.build(text);
  CHECK(rig.made == 2);
  rig.context().write_file("other", "2");
  rig.context().write_file("d/f", "1");  // touched, the same as before
  rig.build(text);
  CHECK(rig.made == 0);
  rig.context().write_file("d/f", "2");
  rig.build(text);
  CHECK(rig.made == 1);
  CHECK(rig.output == "2");
  rig.build(with_programs + run + "--mount=source=d,target=/d,rw cat /d/f\n");
  CHECK(rig.made == 1);
  const std::string of_stage = "FROM scratch AS s\nCOPY other /x/other\nCOPY d /d\n" + with_programs + run +
                               "--mount=from=s,source=d,target=/d cat /d/f\n";
  rig.build(of_stage);
  rig.context().write_file("other", "3");
  rig.build(of_stage);
  CHECK(rig.output.empty());  // the stage is another one, what the mount shows is the same
  rig.context().write_file("d/f", "3");
  rig.build(of_stage);
  CHECK(rig.output == "3");
}

TEST_CASE("bind: files that change while the step sees them; the result is not kept") {
  Rig rig;
  NEED_PROGRAMS(rig);
  rig.context().write_file("d/f", "1");
  const std::string text = with_programs + run +
                           "--mount=source=d,target=/d echo begun; while [ $(cat /d/f) = 1 ]; do sleep 0.01; done; "
                           "touch /made\n";
  rig.on_output = [&](const std::string&) { rig.context().write_file("d/f", "2"); };
  CHECK(rig.files(rig.build(text)).list("/") == Names{"bin", "made"});
  rig.context().write_file("d/f", "1");
  rig.build(text);
  CHECK(rig.made == 1);
  CHECK(rig.output == "begun\n");
}

// --- cache
// --------------------------------------------------------------------------------------------------------------

TEST_CASE("cache: outlives the build, by id, with owner and mode, and is in no layer and no key") {
  Rig rig;
  NEED_PROGRAMS(rig);
  const std::string mount = "--mount=type=cache,id=pip,target=/cache,uid=5,gid=6,mode=0751 ";
  const std::string step =
      run + mount + "stat -c '%u:%g %a' /cache; echo $0 >> /cache/log; wc -l < /cache/log; exit 0 # ";
  auto image = rig.build(with_programs + step + "1\n");
  CHECK(rig.output == "5:6 751\n1\n");
  CHECK(rig.files(image).list("/") == Names{"bin"});
  rig.build(with_programs + step + "1\n");
  CHECK(rig.made == 0);
  rig.build(with_programs + step + "2\n");
  CHECK(rig.output == "5:6 751\n2\n");
  rig.build(with_programs + run + "--mount=type=cache,target=/cache ls /cache\n");
  CHECK(rig.output.empty());  // another id: its target
  rig.build(with_programs + run +
            "--mount=type=cache,id=pip,uid=5,gid=6,mode=751,target=/else,ro "
            "ls /else; touch /else/x || true\n");
  CHECK_THAT(rig.output, Contains("log\n") && Contains("Read-only"));
  check_nothing_left(rig);

  const auto all = builder::cache_mounts::list(rig.locations());
  REQUIRE(all.size() == 2);
  std::int64_t size = 0;
  for (const auto& one : all) {
    CHECK_FALSE(one.in_use);
    CHECK(one.last_used >= one.created);
    size += one.size;
  }
  CHECK(builder::cache_mounts::remove_unused(rig.locations(), 1) == 0);
  CHECK(builder::cache_mounts::remove_unused(rig.locations()) == size);
  CHECK(builder::cache_mounts::list(rig.locations()).empty());
  CHECK(store::list_directory(rig.locations().temporary()).empty());
}

TEST_CASE("cache: begins with what a stage holds") {
  Rig rig;
  NEED_PROGRAMS(rig);
  rig.context().write_file("seed/f", "seed\n");
  const std::string text = "FROM scratch AS s\nCOPY seed /seed\n" + with_programs + run +
                           "--mount=type=cache,from=s,source=/seed,target=/c cat /c/f; echo more >> /c/f # ";
  rig.build(text + "1\n");
  CHECK(rig.output == "seed\n");
  rig.build(text + "2\n");
  CHECK(rig.output == "seed\nmore\n");
}

TEST_CASE("cache: shared, private and locked beside one another") {
  Rig rig;
  using builder::cache_mounts::Use;
  using parser::Sharing;
  const auto& locations = rig.locations();
  const builder::cache_mounts::Identity identity{.id = "x", .content = {}};
  linux::Cancellation cancellation;
  const auto use = [&](Sharing sharing) {
    return std::make_unique<Use>(locations, identity, sharing, Use::Fill(), &cancellation);
  };
  auto first = use(Sharing::shared);
  CHECK(use(Sharing::shared)->directory() == first->directory());
  const auto alone = use(Sharing::exclusive);
  CHECK(alone->directory() != first->directory());
  CHECK(use(Sharing::exclusive)->directory() != alone->directory());

  std::atomic<bool> has_it = false;
  std::string directory;
  std::thread waiting([&] {
    const auto held = use(Sharing::locked);
    has_it = true;
    directory = held->directory();
  });
  CHECK_FALSE(has_it);
  const std::string shared_one = first->directory();
  first.reset();
  waiting.join();
  CHECK(directory == shared_one);

  first = use(Sharing::locked);
  cancellation.request();
  CHECK_THROWS_WITH(use(Sharing::locked), Contains("interrupted"));
  CHECK(builder::cache_mounts::list(locations).at(0).in_use);
}

TEST_CASE("cache: two steps at the same time; locked ones never meet") {
  Rig rig;
  NEED_PROGRAMS(rig);
  const std::string step = run +
                           "--mount=type=cache,target=/c,sharing=locked "
                           "mkdir /c/alone && for i in 1 2 3 4 5 6 7 8 9; do echo $i >> /c/log; done; rmdir /c/alone\n";
  rig.build("FROM scratch AS base\nCOPY bin /bin\nFROM base AS one\nENV A=1\n" + step + "FROM base AS two\nENV A=2\n" +
            step + "FROM base\n" + run +
            "--mount=from=one,target=/x --mount=from=two,target=/y --mount=type=cache,target=/c wc -l < /c/log\n");
  CHECK(rig.output == "18\n");
  check_nothing_left(rig);
}

// --- tmpfs
// --------------------------------------------------------------------------------------------------------------

TEST_CASE("tmpfs: of its size, and empty afterwards") {
  Rig rig;
  NEED_PROGRAMS(rig);
  rig.context().write_file("t/hidden", "h");
  const auto image = rig.build(with_programs + "COPY t /t\n" + run +
                               "--mount=type=tmpfs,target=/t,size=1m ls /t; stat -c %a /t; "
                               "dd if=/dev/zero of=/t/x bs=65536 count=8 2>/dev/null && echo half a megabyte; "
                               "dd if=/dev/zero of=/t/x bs=65536 count=32 2>/dev/null || echo full\n");
  CHECK(rig.output == "1777\nhalf a megabyte\nfull\n");
  CHECK(rig.files(image).list("/t") == Names{"hidden"});
}

// --- secret
// -------------------------------------------------------------------------------------------------------------

TEST_CASE("secret: a file in memory for this step alone, as a variable, absent when nobody gave it") {
  Rig rig;
  NEED_PROGRAMS(rig);
  const std::string secret = "correct-horse-battery";
  test::TemporaryDirectory outside;
  linux::RootFd::open(outside.path()).write_file("token", secret);
  setenv("RIG_SECRET", secret.c_str(), 1);
  rig.options.secrets = {{"file", outside / "token", ""}, {"variable", "", "RIG_SECRET"}};
  const auto image =
      rig.build(with_programs + run +
                "--mount=type=secret,id=file --mount=type=secret,id=variable,target=/etc/deep/s,uid=7,gid=8,mode=0440 "
                "--mount=type=secret,id=file,env=TOKEN --mount=type=secret,id=absent "
                "[ \"$(cat /run/secrets/file)$(cat /etc/deep/s)\" = \"$TOKEN$TOKEN\" ] && "
                "stat -c '%u:%g %a' /run/secrets/file /etc/deep/s && ls /run/secrets && "
                "echo x > /run/secrets/file || grep secrets /proc/mounts\n" +
                run + "env; ls -a / /run; cat /proc/mounts\n");
  CHECK_THAT(rig.output, Contains("0:0 400\n7:8 440\nfile\n") && Contains("ramfs ro,nosuid,nodev"));
  CHECK_THAT(rig.output, Contains("HOSTNAME=") && !Contains("TOKEN"));
  CHECK(rig.output.find(secret) == std::string::npos);
  CHECK(rig.files(image).list("/") == Names{"bin"});
  CHECK_FALSE(is_in_store(rig, secret));
  check_nothing_left(rig);

  // Another secret is no reason to do it again.
  linux::RootFd::open(outside.path()).write_file("token", "another");
  rig.build(text_of(rig.context(), "Conductorfile"));
  CHECK(rig.made == 0);
  unsetenv("RIG_SECRET");
}

TEST_CASE("secret: one that is required, or cannot be read, is a failure that does not tell it") {
  Rig rig;
  NEED_PROGRAMS(rig);
  const std::string step = with_programs + run + "--mount=type=secret,id=s,required=true true\n";
  CHECK_THAT(rig.failure(step), Contains("secret s is required") && Contains("--secret id=s"));
  rig.options.secrets = {{"s", "/nonexistent/secret", ""}};
  CHECK_THAT(rig.failure(step), Contains("secret s") && Contains("No such file"));
  test::TemporaryDirectory outside;
  linux::RootFd::open(outside.path()).write_file("large", std::string(501U << 10U, 'x'));
  rig.options.secrets = {{"s", outside / "large", ""}};
  CHECK_THAT(rig.failure(step), Contains("secret s"));
  check_nothing_left(rig);
}

// --- stubs
// --------------------------------------------------------------------------------------------------------------

TEST_CASE("mount points: made and taken away, kept where the step has used them") {
  Rig rig;
  NEED_PROGRAMS(rig);
  rig.context().write_file("base/etc/file", "old\n");
  rig.context().write_file("base/etc/sub/deep", "deep\n");
  rig.context().write_file("base/dir/inner", "inner\n");
  rig.context().symlink("/real/place", "base/link");
  rig.context().write_file("f", "shown\n");
  const timespec times[2] = {{1000, 0}, {1234567890, 0}};
  REQUIRE(utimensat(AT_FDCWD, (rig.context_path() + "/base/etc").c_str(), times, 0) == 0);
  const std::string base = with_programs + "COPY base /\n";
  auto image = rig.build(base + run +
                         "--mount=source=f,target=/etc/file --mount=type=tmpfs,target=/dir "
                         "--mount=source=f,target=/etc/new/deep/f --mount=type=tmpfs,target=/link "
                         "--mount=type=tmpfs,target=/dir/nested "
                         "cat /etc/file /etc/new/deep/f; ls /dir; touch /link/x\n");
  CHECK(rig.output == "shown\nshown\nnested\n");
  CHECK(image.layers.size() == 2);  // the step has left nothing
  auto root = rig.files(image);
  CHECK(text_of(root, "/etc/file") == "old\n");
  CHECK(root.list("/dir") == Names{"inner"});
  CHECK(root.read_link("/link") == "/real/place");

  image = rig.build(base + run +
                    "--mount=type=tmpfs,target=/a/b/c --mount=type=tmpfs,target=/etc/t --mount=source=f,target=/g/f "
                    "echo mine > /a/b/file; echo more >> /etc/sub/deep; touch /top; chmod 700 /g\n");
  root = rig.files(image);
  CHECK(root.list("/a/b") == Names{"file"});
  CHECK(facts_of(root, "/g") == "0700 0:0 directory");
  CHECK(root.list("/g").empty());
  CHECK(root.list("/etc") == Names{"file", "sub"});
  CHECK(text_of(root, "/etc/sub/deep") == "deep\nmore\n");
  CHECK(root.status("/etc")->st_mtim.tv_sec == 1234567890);
  CHECK(root.list("/") == Names{"a", "bin", "dir", "etc", "g", "link", "top"});
}

TEST_CASE("mount points: a target that the image has as a link stays inside; none on /proc, /sys or /") {
  Rig rig;
  NEED_PROGRAMS(rig);
  rig.context().make_directories("base");
  rig.context().symlink("../../../../../../tmp/conductor-test-escape", "base/out");
  rig.context().symlink("/proc", "base/p");
  const std::string base = with_programs + "COPY base /\n";
  rig.build(base + run + "--mount=type=tmpfs,target=/out touch /out/x\n");
  CHECK_FALSE(linux::try_open("/tmp/conductor-test-escape", O_PATH));
  for (const char* target : {"/proc/x", "/sys", "/p/sys", "/", "."}) {
    INFO(target);
    CHECK_THAT(rig.failure(base + run + "--mount=type=tmpfs,target=" + target + " true\n"), Contains("mounted"));
  }
  check_nothing_left(rig);
}

TEST_CASE("mount points: one that is swapped for a link again and again never leads out") {
  Rig rig;
  NEED_PROGRAMS(rig);
  rig.context().make_directories("d/real");
  rig.context().symlink("/etc", "d/link");
  const std::string one = rig.context_path() + "/d/real", two = rig.context_path() + "/d/link";
  std::atomic<bool> stop = false;
  std::thread racer([&] {
    while (!stop) renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, two.c_str(), RENAME_EXCHANGE);
  });
  constexpr int rounds = 40;
  for (int i = 0; i < rounds; ++i) {
    try {
      rig.build(with_programs + run + "--mount=source=d/real,target=/x ls /x # " + std::to_string(i) + "\n");
    } catch (const base::Error&) {
    }
    CHECK(rig.output.find("passwd") == std::string::npos);
  }
  stop = true;
  racer.join();
  check_nothing_left(rig);
}

TEST_CASE("cache: a step that swaps what lies in it for links leads another one's mounts nowhere") {
  Rig rig;
  NEED_PROGRAMS(rig);
  std::string text = "FROM scratch AS base\nCOPY bin /bin\nFROM base AS racer\n" + run +
                     "--mount=type=cache,id=race,target=/c i=0; while [ $i -lt 400 ] && [ ! -e /c/end ]; do "
                     "rm -rf /c/sub; mkdir /c/sub; rm -rf /c/sub; ln -s /bin /c/sub; i=$((i+1)); done\n"
                     "FROM base AS other\n";
  for (int i = 0; i < 12; ++i)
    text += run + "--mount=type=cache,id=race,target=/c --mount=type=tmpfs,target=/c/sub/in true # " +
            std::to_string(i) + "\n";
  text += run + "--mount=type=cache,id=race,target=/c touch /c/end\n";
  text += "FROM base\n" + run + "--mount=from=racer,target=/x --mount=from=other,target=/y ls /x /y /x/bin /y/bin\n";
  const auto bin = linux::RootFd::open("/bin").list("");
  rig.failure(text);  // a target that is gone in the middle of it is a failure; what counts is what is left
  CHECK(linux::RootFd::open("/bin").list("") == bin);
  CHECK(rig.context().list("bin").size() > 10);
  CHECK_FALSE(rig.context().status("bin/in"));
  check_nothing_left(rig);
}

// --- ssh
// ----------------------------------------------------------------------------------------------------------------

namespace {

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  return address;
}

linux::Fd make_socket() { return linux::Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

// Listens, and answers when told to.
class Agent {
 public:
  explicit Agent(const std::string& path) : socket_(make_socket()) {
    const auto address = address_of(path);
    bound_ = bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
             listen(socket_.get(), 4) == 0;
  }
  bool bound() const { return bound_; }
  linux::Fd accept() const { return linux::Fd(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC)); }

 private:
  linux::Fd socket_;
  bool bound_ = false;
};

std::string read_some(const linux::Fd& from) {
  char bytes[64];
  const ssize_t size = linux::wait_readable(from.get(), 5000) ? read(from.get(), bytes, sizeof bytes) : -1;
  return size >= 0 ? std::string(bytes, static_cast<std::size_t>(size)) : "(nothing)";
}

}  // namespace

TEST_CASE("ssh: what a step says to the socket goes to the agent, and back; it ends with either") {
  test::TemporaryDirectory outside, ours;
  const Agent agent(outside / "agent");
  REQUIRE(agent.bound());
  std::optional<builder::AgentProxy> proxy(std::in_place, linux::open_file(outside / "agent", O_PATH), ours.path(),
                                           builder::AgentProxy::Access{5, 6, 0640});
  CHECK(facts_of(linux::RootFd::open(ours.path()), "agent") == "0640 5:6 other");
  const auto address = address_of(ours / "agent");
  const auto join = [&](const linux::Fd& client) {
    return connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  };
  const linux::Fd one = make_socket(), two = make_socket(), three = make_socket();
  REQUIRE(join(one));
  linux::Fd for_one = agent.accept();
  REQUIRE(join(two));
  const linux::Fd for_two = agent.accept();
  linux::write_all(one.get(), "sign");
  linux::write_all(two.get(), "list");
  CHECK(read_some(for_one) == "sign");
  CHECK(read_some(for_two) == "list");
  linux::write_all(for_one.get(), "signed");
  for_one.reset();
  CHECK(read_some(one) == "signed");
  CHECK(read_some(one).empty());
  REQUIRE(join(three));
  proxy.reset();
  CHECK(read_some(two).empty());
}

TEST_CASE("ssh: the agent's socket and SSH_AUTH_SOCK for this step alone") {
  Rig rig;
  NEED_PROGRAMS(rig);
  test::TemporaryDirectory outside;
  const Agent agent(outside / "agent");
  REQUIRE(agent.bound());
  rig.options.ssh = {{"default", outside / "agent"}};
  const auto image =
      rig.build(with_programs + run +
                "--mount=type=ssh --mount=type=ssh,id=other echo $SSH_AUTH_SOCK; ls /run/buildkit; "
                "[ -S $SSH_AUTH_SOCK ]\n" +
                run + "--mount=type=ssh,target=/a,uid=7,gid=8,mode=0660 stat -c '%u:%g %a' /a\n" + run + "env\n");
  CHECK_THAT(rig.output, Contains("/run/buildkit/ssh_agent.0\nssh_agent.0\n"));
  CHECK_THAT(rig.output, Contains("7:8 660\n"));
  CHECK(rig.output.find("SSH_AUTH_SOCK=") == std::string::npos);
  CHECK(rig.files(image).list("/") == Names{"bin"});
  CHECK_THAT(rig.failure(with_programs + run + "--mount=type=ssh,id=other,required true\n"),
             Contains("ssh agent other is required"));
  linux::RootFd::open(outside.path()).write_file("key", "-----BEGIN");
  rig.options.ssh = {{"default", outside / "key"}};
  CHECK_THAT(rig.failure(with_programs + run + "--mount=type=ssh true\n"), Contains("ssh-add"));
  check_nothing_left(rig);
}

// --- the end of a step
// --------------------------------------------------------------------------------------------------

TEST_CASE("a cancelled step ends at once with all its processes, and leaves nothing") {
  Rig rig;
  NEED_PROGRAMS(rig);
  linux::Cancellation cancellation;
  rig.options.cancellation = &cancellation;
  rig.on_output = [&](const std::string&) { cancellation.request(); };
  const auto begin = std::chrono::steady_clock::now();
  const std::string message =
      rig.failure(with_programs +
                  "RUN --mount=type=cache,target=/c,sharing=locked --mount=type=tmpfs,target=/t "
                  "sleep 1000 & echo begun; sleep 1000\n");
  CHECK_THAT(message, Contains("interrupted"));
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(5));
  check_nothing_left(rig);
  CHECK_FALSE(builder::cache_mounts::list(rig.locations()).at(0).in_use);
}

TEST_CASE("steps with a network run at the same time") {
  Rig rig;
  NEED_PROGRAMS(rig);
  std::string text = "FROM scratch AS base\nCOPY bin /bin\n";
  std::string end = "FROM base\nRUN --network=none ";
  for (const char* name : {"one", "two", "three", "four"}) {
    text += std::string("FROM base AS ") + name + "\nRUN ls /sys/class/net > /" + name + "\n";
    end += std::string("--mount=from=") + name + ",source=/" + name + ",target=/" + name + " ";
  }
  rig.build(text + end + "cat /one /two /three /four\n");
  CHECK(rig.output == "eth0\nlo\neth0\nlo\neth0\nlo\neth0\nlo\n");
  check_nothing_left(rig);
}

TEST_CASE("confinement that a file asks to be lifted is refused") {
  Rig rig;
  NEED_PROGRAMS(rig);
  CHECK_THAT(rig.failure(with_programs + "RUN --security=insecure true\n"), Contains("without confinement"));
  rig.build(with_programs + "RUN --security=sandbox --network=none grep Seccomp: /proc/self/status\n");
  CHECK(rig.output == "Seccomp:\t2\n");
}

TEST_CASE("hosts, limits and the size of /dev/shm of a build count in every step") {
  Rig rig;
  NEED_PROGRAMS(rig);
  rig.options.add_hosts = {"elsewhere:10.1.2.3"};
  rig.options.limits = {{7, 77, 88}};  // RLIMIT_NOFILE
  rig.options.shm_size = 1 << 20;
  for (const char* network : {"none", "default"}) {
    rig.build(with_programs + "RUN --network=" + network +
              " cat /etc/hosts; ulimit -n; ulimit -H -n; df -k /dev/shm | sed 's/  */ /g'\n");
    CHECK_THAT(rig.output, Contains("10.1.2.3\telsewhere\n") && Contains("77\n88\n") && Contains(" 1024 "));
  }
}

TEST_CASE("SHELL runs the shell form, a here-document alone too; the others reach the shell") {
  Rig rig;
  NEED_PROGRAMS(rig);
  const auto image = rig.build(with_programs + "SHELL [\"/bin/sh\", \"-ec\"]\n" + run + "echo $-\n" + run +
                               "<<EOF\necho \"$- $0\"\nEOF\n" + run + "<<-  END\n\techo '<<- ' $0\nEND\n" + run +
                               "<<'E F'\n#!/bin/sh\necho script $0\nE F\n" + run + "cat <<EOF\n$HOME\nEOF\n" + run +
                               "cat <<'EOF'\n$HOME\nEOF\n" + run + "[\"/bin/echo\", \"json\"]\n");
  CHECK_THAT(rig.output, Contains("<<-  /bin/sh\n"));
  CHECK_THAT(rig.output, Contains("json\n") && Contains("$HOME\n") && Contains("script /dev/pipes/"));
  CHECK_THAT(rig.output, Contains("e") && Contains(" /bin/sh\n"));
  CHECK(rig.files(image).list("/") == Names{"bin"});
}
