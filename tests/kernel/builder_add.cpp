// ADD: archives, files behind URLs, repositories.
#include "base/error.hpp"
#include "base/sha256.hpp"
#include "builder_rig.hpp"
#include "linux/process.hpp"
#include "support/catch.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <map>
#include <mutex>
#include <thread>

using namespace conductor;
using Names = std::vector<std::string>;

namespace {

// --- archives ---------------------------------------------------------------------------------------------------

struct Entry {
  std::string name;
  char type = '0';  // '0' file, '2' link, '5' directory
  unsigned mode = 0644, user = 501, group = 20;
  std::string content;  // of a link: where it points
};

// ustar (POSIX.1-1988).
std::string tar(const std::vector<Entry>& entries) {
  std::string archive;
  const auto octal = [](std::string& header, std::size_t at, std::size_t size, unsigned long value) {
    char text[32];
    std::snprintf(text, sizeof text, "%0*lo", static_cast<int>(size) - 1, value);
    header.replace(at, size - 1, text);
  };
  for (const auto& entry : entries) {
    std::string header(512, '\0');
    header.replace(0, entry.name.size(), entry.name);
    octal(header, 100, 8, entry.mode), octal(header, 108, 8, entry.user), octal(header, 116, 8, entry.group);
    octal(header, 124, 12, entry.type == '0' ? entry.content.size() : 0), octal(header, 136, 12, 1234567890);
    header[156] = entry.type;
    if (entry.type == '2') header.replace(157, entry.content.size(), entry.content);
    header.replace(257, 8,
                   std::string("ustar\0"
                               "00",
                               8));
    header.replace(148, 8, 8, ' ');
    unsigned long sum = 0;
    for (const char c : header) sum += static_cast<unsigned char>(c);
    octal(header, 148, 7, sum);
    archive += header;
    if (entry.type == '0') archive += entry.content + std::string((512 - entry.content.size() % 512) % 512, '\0');
  }
  return archive + std::string(1024, '\0');
}

const std::vector<Entry> small_archive{{"dir/", '5', 0750, 501, 20, ""},
                                       {"dir/file", '0', 04755, 501, 20, "text"},
                                       {"dir/link", '2', 0777, 501, 20, "file"},
                                       {"top", '0', 0640, 0, 0, "top"}};

// Runs a program of this machine in a directory; false when there is none.
bool run(const std::string& directory, std::vector<std::string> arguments) {
  for (const std::string place : {"/usr/bin/", "/bin/"}) {
    if (access((place + arguments[0]).c_str(), X_OK) != 0) continue;
    linux::SpawnOptions options;
    options.program = place + arguments[0];
    options.arguments = arguments;
    options.environment = {"PATH=/usr/bin:/bin",
                           "HOME=" + directory,
                           "GIT_CONFIG_NOSYSTEM=1",
                           "GIT_AUTHOR_NAME=a",
                           "GIT_AUTHOR_EMAIL=a@b",
                           "GIT_COMMITTER_NAME=a",
                           "GIT_COMMITTER_EMAIL=a@b",
                           "GIT_AUTHOR_DATE=2020-01-01T00:00:00Z",
                           "GIT_COMMITTER_DATE=2020-01-01T00:00:00Z"};
    const linux::Fd null = linux::open_file("/dev/null", O_RDWR);
    options.descriptors = {null.get(), null.get(), 2};
    auto child = linux::spawn(options);
    return linux::wait_for(child.pidfd).shell_code() == 0;
  }
  return false;
}

// --- a web server --------------------------------------------------------------------------------------------

void raise_loopback() {
  const linux::Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::snprintf(request.ifr_name, sizeof request.ifr_name, "lo");
  request.ifr_flags = IFF_UP;
  if (ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) throw base::Error::from_errno("cannot raise lo");
}

struct Resource {
  std::string content, etag, modified;
};

// Answers on a loopback address of the test's own network, one connection at a time, until it goes.
class WebServer {
 public:
  WebServer() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    raise_loopback();
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* any = reinterpret_cast<sockaddr*>(&address);
    if (bind(socket_.get(), any, size) != 0 || listen(socket_.get(), 16) != 0 ||
        getsockname(socket_.get(), any, &size) != 0)
      throw base::Error::from_errno("cannot listen");
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~WebServer() {
    shutdown(socket_.get(), SHUT_RDWR);
    thread_.join();
  }
  std::string url(const std::string& path) const { return "http://127.0.0.1:" + std::to_string(port_) + path; }
  void put(const std::string& path, Resource resource) {
    const std::lock_guard lock(mutex_);
    resources_[path] = std::move(resource);
  }
  int requests() const { return requests_; }
  int bodies() const { return bodies_; }  // sent

 private:
  void serve() {
    for (;;) {
      const linux::Fd client(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!client) return;
      std::string request;
      char buffer[4096];
      while (request.find("\r\n\r\n") == std::string::npos) {
        const ssize_t size = read(client.get(), buffer, sizeof buffer);
        if (size <= 0) break;
        request.append(buffer, static_cast<std::size_t>(size));
      }
      const std::string response = answer(request);
      if (write(client.get(), response.data(), response.size()) < 0) continue;
    }
  }
  std::string answer(const std::string& request) {
    const std::lock_guard lock(mutex_);
    ++requests_;
    const auto begin = request.find(' ') + 1;
    const auto found = resources_.find(request.substr(begin, request.find(' ', begin) - begin));
    const std::string end = "Connection: close\r\n";
    if (found == resources_.end()) return "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n" + end + "\r\n";
    const Resource& resource = found->second;
    if (!resource.etag.empty() && request.find("If-None-Match: " + resource.etag) != std::string::npos)
      return "HTTP/1.1 304 Not Modified\r\nETag: " + resource.etag + "\r\n" + end + "\r\n";
    ++bodies_;
    std::string head = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(resource.content.size()) + "\r\n" + end;
    if (!resource.etag.empty()) head += "ETag: " + resource.etag + "\r\n";
    if (!resource.modified.empty()) head += "Last-Modified: " + resource.modified + "\r\n";
    return head + "\r\n" + resource.content;
  }

  linux::Fd socket_;
  int port_ = 0;
  std::mutex mutex_;
  std::map<std::string, Resource> resources_;
  std::atomic<int> requests_ = 0, bodies_ = 0;
  std::thread thread_;
};

}  // namespace

TEST_CASE("ADD of files and directories is COPY") {
  BuilderRig rig;
  rig.context().write_file("a", "a", 0640);
  rig.context().write_file("d/x", "x");
  rig.context().write_file("empty.tar.gz", "");
  rig.context().write_file("text.tar", "no archive, whatever the name says");
  const auto root =
      rig.files(rig.build("FROM scratch\nWORKDIR /w\nADD a .\nADD --chown=1:2 --chmod=u=rwX,go= d /d/\n"
                          "ADD empty.tar.gz text.tar /t/\nADD <<EOF /here\ntext\nEOF\nADD --exclude=x d /none/\n"));
  CHECK(facts_of(root, "/w/a") == "0640 0:0 file");
  CHECK(facts_of(root, "/d/x") == "0600 1:2 file");
  CHECK(root.list("/t") == Names{"empty.tar.gz", "text.tar"});
  CHECK(text_of(root, "/here") == "text\n");
  CHECK(root.list("/none").empty());
}

TEST_CASE("archives of the context are unpacked, told by their content") {
  BuilderRig rig;
  rig.context().write_file("data.bin", tar(small_archive));
  rig.context().write_file("f", "f");
  const auto image = rig.build(
      "FROM scratch\n"
      "ADD data.bin /new\n"
      "ADD --chown=7:8 --chmod=700 data.bin f /owned/\n"
      "ADD --unpack=false data.bin /packed\n"
      "ADD --unpack=true data.bin /\n"
      "ADD --exclude=dir data.bin /less\n");
  const auto root = rig.files(image);
  CHECK(facts_of(root, "/new") == "0755 0:0 directory");
  CHECK(facts_of(root, "/new/dir") == "0750 501:20 directory");
  CHECK(facts_of(root, "/new/dir/file") == "4755 501:20 file");
  CHECK(root.status("/new/dir/file")->st_mtim.tv_sec == 1234567890);
  CHECK(root.read_link("/new/dir/link") == "file");
  CHECK(facts_of(root, "/new/top") == "0640 0:0 file");
  CHECK(facts_of(root, "/owned/dir/file") == "4755 7:8 file");  // --chmod is for what is copied
  CHECK(facts_of(root, "/owned/f") == "0700 7:8 file");
  CHECK(root.status("/packed")->st_size == static_cast<off_t>(tar(small_archive).size()));
  CHECK(text_of(root, "/top") == "top");
  CHECK(root.list("/less") == Names{"top"});
  CHECK(store::list_directory(rig.locations().temporary()).empty());
  SECTION("again: nothing is unpacked") {
    rig.build("FROM scratch\nADD data.bin /new\n");
    CHECK(rig.made == 0);
  }
  SECTION("onto what is there: merged, file by file") {
    rig.context().write_file("base/new/dir/file", "old");
    rig.context().write_file("base/new/dir/kept", "kept");
    const auto merged = rig.files(rig.build("FROM scratch\nCOPY base /\nADD data.bin /new\n"));
    CHECK(text_of(merged, "/new/dir/file") == "text");
    CHECK(merged.list("/new/dir") == Names{"file", "kept", "link"});
  }
  SECTION("damaged") {
    rig.context().write_file("data.bin", tar(small_archive).substr(0, 600));
    CHECK_THAT(rig.failure("FROM scratch\nADD data.bin /new\n"), Contains("Conductorfile:2:1"));
    CHECK(store::list_directory(rig.locations().temporary()).empty());
  }
}

TEST_CASE("nothing in an archive leads out of the image") {
  BuilderRig rig;
  rig.context().write_file("evil.tar", tar({{"out", '2', 0777, 0, 0, "/tmp"},
                                            {"out/conductor-evil", '0', 0644, 0, 0, "evil"},
                                            {"../../../../../../tmp/conductor-evil", '0', 0644, 0, 0, "evil"}}));
  rig.failure("FROM scratch\nADD evil.tar /a/\n");
  CHECK_FALSE(linux::try_read_file("/tmp/conductor-evil"));
}

TEST_CASE("compressed archives") {
  BuilderRig rig;
  for (const auto& [program, suffix] : {std::pair{"gzip", ".gz"}, {"bzip2", ".bz2"}, {"xz", ".xz"}, {"zstd", ".zst"}}) {
    INFO(program);
    rig.context().write_file("x.tar", tar(small_archive));
    if (!run(rig.context_path(), {program, "-f", rig.context_path() + "/x.tar"})) continue;
    REQUIRE(rename((rig.context_path() + "/x.tar" + suffix).c_str(), (rig.context_path() + "/archive").c_str()) == 0);
    CHECK(text_of(rig.files(rig.build("FROM scratch\nADD archive /a\n")), "/a/dir/file") == "text");
  }
}

TEST_CASE("files behind URLs") {
  BuilderRig rig;
  WebServer server;
  server.put("/dir/name?x=1", {"text", "\"1\"", "Fri, 13 Feb 2009 23:31:30 GMT"});
  server.put("/plain", {"plain", "", ""});
  server.put("/archive.tar", {tar(small_archive), "", ""});
  const std::string text = "FROM scratch\nADD " + server.url("/dir/name?x=1") + " /into/\n";
  auto root =
      rig.files(rig.build(text + "ADD --chown=1:2 --chmod=755 " + server.url("/plain") + " /file\n" + "ADD " +
                          server.url("/archive.tar") + " /packed\nADD --unpack=true " + server.url("/archive.tar") +
                          " /unpacked\nADD " + server.url("/plain") + " Conductorfile /mixed/\n"));
  CHECK(facts_of(root, "/into/name") == "0600 0:0 file");
  CHECK(text_of(root, "/into/name") == "text");
  CHECK(root.status("/into/name")->st_mtim.tv_sec == 1234567890);
  CHECK(facts_of(root, "/file") == "0755 1:2 file");
  CHECK(root.status("/file")->st_mtim.tv_sec == 0);
  CHECK(facts_of(root, "/packed") == "0600 0:0 file");
  CHECK(text_of(root, "/unpacked/dir/file") == "text");
  CHECK(root.list("/mixed") == Names{"Conductorfile", "plain"});
  CHECK(store::list_directory(rig.locations().temporary()).empty());
  SECTION("what has not changed is not sent again") {
    const int bodies = server.bodies();
    rig.build(text);
    CHECK(rig.made == 0);
    CHECK(server.bodies() == bodies);
  }
  SECTION("what has changed is") {
    server.put("/dir/name?x=1", {"other", "\"2\"", ""});
    CHECK(text_of(rig.files(rig.build(text)), "/into/name") == "other");
    CHECK(rig.made == 1);
  }
  SECTION("another step with it is fetched whole") {
    CHECK(text_of(rig.files(rig.build("FROM scratch\nCOPY Conductorfile /\n" + text.substr(13))), "/into/name") ==
          "text");
  }
  SECTION("what is not there") {
    CHECK_THAT(rig.failure("FROM scratch\nADD " + server.url("/none") + " /x\n"), Contains("404"));
  }
  SECTION("no name") {
    server.put("/", {"index", "", ""});
    const std::string bare = "FROM scratch\nADD " + server.url("/");
    CHECK_THAT(rig.failure(bare + " /x/\n"), Contains("names no file"));
    CHECK(text_of(rig.files(rig.build(bare + " /x\n")), "/x") == "index");
  }
  SECTION("COPY has no URLs") {
    CHECK_THAT(rig.failure("FROM scratch\nCOPY " + server.url("/plain") + " /x\n"), Contains("ADD"));
  }
}

TEST_CASE("--checksum of a file") {
  BuilderRig rig;
  WebServer server;
  server.put("/f", {"text", "", ""});
  const std::string digest = "sha256:" + base::sha256_hex("text"), rest = " " + server.url("/f") + " /f\n";
  const std::string text = "FROM scratch\nADD --checksum=" + digest + rest;
  CHECK(text_of(rig.files(rig.build(text)), "/f") == "text");
  SECTION("the same again asks nobody") {
    const int before = server.requests();
    rig.build(text);
    CHECK(rig.made == 0);
    CHECK(server.requests() == before);
  }
  SECTION("something else") {
    server.put("/f", {"other", "", ""});
    rig.options.no_cache = true;
    CHECK_THAT(rig.failure(text), Contains("--checksum") && Contains(digest));
  }
  SECTION("malformed") {
    for (const auto& wrong : Names{"sha256:12", "md5:" + digest.substr(7), digest.substr(7), "sha256:"})
      CHECK_THAT(rig.failure("FROM scratch\nADD --checksum=" + wrong + rest), Contains("sha256: and 64 hex digits"));
  }
  SECTION("of a file of the context") {
    CHECK_THAT(rig.failure("FROM scratch\nADD --checksum=" + digest + " Conductorfile /f\n"), Contains("--checksum"));
  }
}

namespace {

// git's own server on a loopback address, until the object goes.
class GitServer {
 public:
  explicit GitServer(const std::string& directory) {
    raise_loopback();
    linux::SpawnOptions options;
    options.program = "/usr/bin/git";
    options.arguments = {
        "git", "daemon", "--export-all", "--reuseaddr", "--listen=127.0.0.1", "--base-path=" + directory, directory};
    options.environment = {"PATH=/usr/bin:/bin", "HOME=" + directory, "GIT_CONFIG_COUNT=1",
                           "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"};
    const linux::Fd null = linux::open_file("/dev/null", O_RDWR);
    options.descriptors = {null.get(), null.get(), null.get()};
    options.new_session = true;
    child_ = linux::spawn(options);
  }
  ~GitServer() {
    linux::send_signal(child_.pidfd, SIGTERM);
    linux::wait_for(child_.pidfd);
  }
  GitServer(const GitServer&) = delete;
  GitServer& operator=(const GitServer&) = delete;

  // Whether it answers within ten seconds.
  bool answers() const {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(9418);
    for (int i = 0; i < 1000; ++i) {
      const linux::Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return true;
      if (linux::wait_ended(child_.pidfd, 10)) return false;
    }
    return false;
  }

 private:
  linux::Child child_;
};

}  // namespace

TEST_CASE("repositories") {
  BuilderRig rig;
  const test::TemporaryDirectory home;
  const auto tree = linux::RootFd::open(home.path());
  tree.write_file("r.git/docs/a", "a");
  tree.write_file("r.git/run", "#!/bin/sh\n", 0755);
  const std::string repository = home / "r.git";
  const auto git = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"git", "-C", repository});
    return run(home.path(), words);
  };
  if (!git({"init", "-q", "-b", "main"})) SKIP_TEST("there is no git");
  REQUIRE(git({"add", "."}));
  REQUIRE(git({"commit", "-q", "-m", "one"}));
  REQUIRE(git({"tag", "v1"}));
  const std::string commit = linux::read_file(repository + "/.git/refs/heads/main").substr(0, 40);
  std::optional<GitServer> server(std::in_place, home.path());
  if (!server->answers()) SKIP_TEST("git serves nothing here");
  const std::string url = "git://127.0.0.1/r.git", pinned = "ADD --checksum=" + commit + " " + url + "#main /pinned\n";
  const auto root = rig.files(rig.build("FROM scratch\nADD " + url + "#v1 /all\nADD " + url + "#v1:docs /docs/\n" +
                                        "ADD --keep-git-dir=true --chown=1:2 " + url + " /kept\n"));
  CHECK(root.list("/all") == Names{"docs", "run"});
  CHECK(facts_of(root, "/all/run") == "0755 0:0 file");
  CHECK(facts_of(root, "/all/docs/a") == "0644 0:0 file");
  CHECK(root.list("/docs") == Names{"a"});
  CHECK(root.list("/kept") == Names{".git", "docs", "run"});
  CHECK(facts_of(root, "/kept/run") == "0755 1:2 file");
  CHECK_THAT(rig.failure("FROM scratch\nADD --checksum=0000 " + url + " /x\n"), Contains("0000"));
  rig.build("FROM scratch\n" + pinned);
  tree.write_file("r.git/docs/b", "b");
  REQUIRE(git({"add", "."}));
  REQUIRE(git({"commit", "-q", "-m", "two"}));
  CHECK(rig.files(rig.build("FROM scratch\nADD " + url + "#main:docs /docs/\n")).list("/docs") == Names{"a", "b"});
  server.reset();
  rig.build("FROM scratch\n" + pinned);  // asks nobody
  CHECK(rig.made == 0);
}
