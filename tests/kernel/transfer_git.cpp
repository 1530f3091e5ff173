// Checkouts by the host's git, from repositories of this test.
#include "base/error.hpp"
#include "base/text.hpp"
#include "linux/process.hpp"
#include "support/catch.hpp"
#include "transfer/transfer.hpp"
#include "transfer_rig.hpp"

#include <sys/stat.h>
#include <unistd.h>

using namespace conductor;

namespace {

constexpr const char* git = "/usr/bin/git";

class Repository {
 public:
  Repository() : root_(linux::RootFd::open(home_.path())) {
    use_built_program();
    root_.make_directories("repository");
    root_.make_directories("target");
    run({"init", "-q", "-b", "main"});
    write("top", "one");
    write("dir/file", "two");
    commit();
  }
  std::string path() const { return home_ / "repository"; }
  void write(const std::string& name, const std::string& text) { root_.write_file("repository/" + name, text); }
  linux::RootFd& root() { return root_; }
  // Commits all there is; returns the commit.
  std::string commit() {
    run({"add", "-A"});
    run({"commit", "-q", "--allow-empty", "-m", "change"});
    return std::string(base::trim(run({"rev-parse", "HEAD"})));
  }
  std::string run(std::vector<std::string> arguments) const {
    linux::SpawnOptions options;
    options.program = git;
    options.arguments = {"git", "-C", path(), "-c", "user.name=test", "-c", "user.email=test@example.org"};
    options.arguments.insert(options.arguments.end(), arguments.begin(), arguments.end());
    options.environment = {"PATH=/usr/bin:/bin", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1"};
    const auto output = linux::run_program(options);
    REQUIRE(output.ending.shell_code() == 0);
    return output.text;
  }
  // The commit, or the message of the failure; what came is below "target".
  std::string checkout(const std::string& ref = {}, const std::string& subdir = {}) {
    transfer::GitSource source;
    source.url = path();
    source.ref = ref;
    source.subdir = subdir;
    return checkout(source);
  }
  std::string checkout(const transfer::GitSource& source) {
    root_.remove_all("target");
    root_.make_directories("target");
    try {
      return transfer::checkout(source, home_ / "target", "");
    } catch (const base::Error& e) {
      return e.what();
    }
  }
  std::string names() const { return base::join(root_.list("target"), " "); }
  std::string text(const std::string& name) const {
    return root_.read_file("target/" + name, 1000).value_or("(absent)");
  }

 private:
  test::TemporaryDirectory home_;
  linux::RootFd root_;
};

bool has_git() { return access(git, X_OK) == 0; }

}  // namespace

TEST_CASE("a checkout has the tree of the commit and no repository") {
  if (!has_git()) SKIP_TEST("git is not installed");
  Repository repository;
  const std::string first = repository.commit();
  repository.run({"tag", "-a", "-m", "tag", "v1"});
  repository.run({"branch", "side"});
  repository.write("top", "later");
  const std::string second = repository.commit();

  CHECK(repository.checkout() == second);
  CHECK(repository.names() == "dir top");
  CHECK(repository.text("top") == "later");
  CHECK(repository.checkout("main") == second);
  for (const char* ref : {"v1", "side", "refs/tags/v1", "refs/heads/side", "tags/v1"}) {
    CHECK(repository.checkout(ref) == first);
    CHECK(repository.text("top") == "one");
  }
  CHECK(repository.checkout(first) == first);  // not the tip of anything after this: all is fetched then
  CHECK(repository.text("top") == "one");
}

TEST_CASE("only what the directory holds is left") {
  if (!has_git()) SKIP_TEST("git is not installed");
  Repository repository;
  const std::string commit = repository.commit();
  CHECK(repository.checkout("", "dir") == commit);
  CHECK(repository.names() == "file");
  CHECK(repository.checkout("", "/dir/") == commit);
  CHECK(repository.names() == "file");
  CHECK_THAT(repository.checkout("", "none"), Contains("no directory none"));
  CHECK_THAT(repository.checkout("", "top"), Contains("no directory top"));
}

TEST_CASE("a directory does not lead out of the repository") {
  if (!has_git()) SKIP_TEST("git is not installed");
  Repository repository;
  repository.root().write_file("outside/secret", "secret");
  repository.root().symlink("../outside", "repository/near");
  repository.root().symlink("/etc", "repository/far");
  repository.commit();
  for (const char* name : {"near", "far", "../outside", "near/..", "dir/../../outside", ".git", "near/../outside"}) {
    repository.checkout("", name);
    CHECK(repository.text("secret") == "(absent)");
    CHECK(repository.text("passwd") == "(absent)");
  }
  CHECK(repository.root().read_file("outside/secret", 10) == "secret");
}

TEST_CASE("the repository is kept when asked for") {
  if (!has_git()) SKIP_TEST("git is not installed");
  Repository repository;
  transfer::GitSource source;
  source.url = repository.path();
  source.keep_git = true;
  const std::string commit = repository.checkout(source);
  CHECK(repository.names() == ".git dir top");
  CHECK(repository.text(".git/HEAD") == commit + "\n");
}

TEST_CASE("another commit than the expected one is refused") {
  if (!has_git()) SKIP_TEST("git is not installed");
  Repository repository;
  const std::string commit = repository.commit();
  transfer::GitSource source;
  source.url = repository.path();
  source.checksum = commit.substr(0, 12);
  CHECK(repository.checkout(source) == commit);
  source.checksum = std::string(40, '0');
  CHECK_THAT(repository.checkout(source), Contains("the commit is " + commit));
}

TEST_CASE("nothing of the repository runs here, and nothing outside is written") {
  if (!has_git()) SKIP_TEST("git is not installed");
  Repository repository;
  const std::string canary = repository.path() + "/../canary";
  repository.write(".gitattributes", "* filter=evil\n");
  repository.write(".git/config",
                   "[core]\n\trepositoryformatversion = 0\n\tbare = false\n"
                   "[filter \"evil\"]\n\tsmudge = touch " +
                       canary +
                       "\n"
                       "[uploadpack]\n\tpackObjectsHook = touch " +
                       canary + ";\n");
  repository.root().write_file("repository/.git/hooks/post-checkout", "#!/bin/sh\ntouch " + canary + "\n", 0755);
  repository.write("top", "filtered");
  repository.run({"-c", "filter.evil.smudge=cat", "add", "-A"});
  repository.run({"commit", "-q", "-m", "evil", "--no-verify"});
  repository.checkout();
  CHECK(repository.text("top") == "filtered");
  CHECK_FALSE(repository.root().status("canary"));
}

TEST_CASE("submodules come with it, unless they are not wanted") {
  if (!has_git()) SKIP_TEST("git is not installed");
  Repository inner;
  const Repository* source_of_inner = &inner;
  Repository outer;
  outer.run({"-c", "protocol.file.allow=always", "submodule", "--quiet", "add", source_of_inner->path(), "sub"});
  outer.commit();
  transfer::GitSource source;
  source.url = outer.path();
  CHECK(outer.checkout(source).size() == 40);
  CHECK(outer.text("sub/dir/file") == "two");
  CHECK(outer.text("sub/.git") == "(absent)");
  source.submodules = false;
  CHECK(outer.checkout(source).size() == 40);
  CHECK(outer.text("sub/dir/file") == "(absent)");
}

TEST_CASE("a repository comes over the web, also from a server that knows nothing of git") {
  if (!has_git()) SKIP_TEST("git is not installed");
  if (access("/usr/lib/git-core/git-remote-http", X_OK) != 0) SKIP_TEST("git has no http");
  Repository repository;
  repository.run({"tag", "v1"});
  const std::string commit = repository.commit();
  repository.run({"update-server-info"});
  const WebServer server([&](const std::string& path, const std::string&) {
    const std::string name = path.substr(0, path.find('?'));
    const auto text = name.starts_with("/r.git/")
                          ? repository.root().read_file("repository/.git/" + name.substr(7), 1 << 20)
                          : std::nullopt;
    return text ? response("200 OK", "", *text) : response("404 Not Found", "", "");
  });
  const auto source = transfer::parse_git_source(server.url("/r.git#main:dir"));
  REQUIRE(source);
  CHECK(repository.checkout(*source) == commit);
  CHECK(repository.names() == "file");
  const auto missing = transfer::parse_git_source(server.url("/none.git"));
  CHECK_THAT(repository.checkout(*missing), Contains("not found"));
}

TEST_CASE("what is wrong is said") {
  if (!has_git()) SKIP_TEST("git is not installed");
  Repository repository;
  CHECK_THAT(repository.checkout("none"), Contains("no branch and no tag none"));
  CHECK_THAT(repository.checkout(std::string(40, 'a')), Contains("no commit") || Contains("not our ref"));
  transfer::GitSource source;
  source.url = repository.path() + "/none";
  CHECK_THAT(repository.checkout(source), Contains("does not appear to be a git repository"));
  for (const char* url : {"file:///etc", "ext::sh -c true", "-x", "--upload-pack=touch /tmp/x"}) {
    source.url = url;
    CHECK_FALSE(repository.checkout(source).size() == 40);
  }
  CHECK(repository.names().empty());
}

TEST_CASE("a checkout that is interrupted leaves no process") {
  if (!has_git()) SKIP_TEST("git is not installed");
  use_built_program();
  const test::TemporaryDirectory home;
  WebServer server([](const std::string&, const std::string&) { return WebServer::silence; });
  linux::Cancellation cancellation;
  std::thread watcher([&] {
    linux::wait_readable(server.asked.descriptor(), 10'000);
    cancellation.request();
  });
  transfer::GitSource source;
  source.url = server.url("/x.git");
  std::string error;
  try {
    transfer::checkout(source, home.path(), "", &cancellation);
  } catch (const base::Error& e) {
    error = e.what();
  }
  watcher.join();
  CHECK(error == "interrupted");
  CHECK(base::trim(linux::read_file("/proc/thread-self/children")).empty());
}
