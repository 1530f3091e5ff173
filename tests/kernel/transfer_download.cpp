// Downloads: what servers do and say, and how little the process that listens to them may.
#include "base/error.hpp"
#include "base/text.hpp"
#include "support/catch.hpp"
#include "transfer/transfer.hpp"
#include "transfer_rig.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <optional>

using namespace conductor;

namespace {

constexpr const char* hello_digest = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

struct Outcome {
  std::string error;
  transfer::Download download;
  std::string text;
};

Outcome get(transfer::DownloadRequest request, const linux::Cancellation* cancellation = nullptr) {
  use_built_program();
  const test::TemporaryDirectory home;
  const linux::Fd file = linux::open_file(home / "file", O_RDWR | O_CREAT, 0600);
  Outcome outcome;
  try {
    outcome.download = transfer::download(request, file.get(), {}, cancellation);
    outcome.text = linux::read_file(home / "file");
  } catch (const base::Error& e) {
    outcome.error = e.what();
  }
  return outcome;
}
Outcome get(const std::string& url) {
  transfer::DownloadRequest request;
  request.url = url;
  return get(request);
}

std::string always(const std::string& answer, const std::string&) { return answer; }
auto answering(const std::string& text) {
  return [text](const std::string&, const std::string& request) { return always(text, request); };
}

// The helper that a thread of ours has started, while it lives; a thread's children are listed with it.
std::optional<pid_t> helper_of(pid_t thread) {
  const std::string children = linux::read_file("/proc/self/task/" + std::to_string(thread) + "/children");
  for (const auto& pid : base::split(base::trim(children), ' '))
    if (!pid.empty() && base::trim(linux::try_read_file("/proc/" + pid + "/comm").value_or("")) == "conductor-trans")
      return static_cast<pid_t>(std::stol(pid));
  return std::nullopt;
}

pid_t this_thread() { return static_cast<pid_t>(syscall(SYS_gettid)); }

std::string status_line(const std::string& status, const std::string& name) {
  for (const auto& line : base::split(status, '\n'))
    if (line.starts_with(name + ":")) return std::string(base::trim(line.substr(name.size() + 1)));
  return "(absent)";
}

}  // namespace

TEST_CASE("a download tells what came") {
  const WebServer server(answering(response("200 OK",
                                            "ETag: \"abc\"\r\nLast-Modified: Sun, 09 Sep 2001 01:46:40 GMT\r\n"
                                            "Content-Disposition: attachment; filename=\"../a b.txt\"\r\n",
                                            "hello")));
  const auto outcome = get(server.url("/dir/other?query"));
  CHECK(outcome.error.empty());
  CHECK(outcome.text == "hello");
  CHECK(outcome.download.digest == hello_digest);
  CHECK(outcome.download.size == 5);
  CHECK(outcome.download.name == "a b.txt");
  CHECK(outcome.download.etag == "\"abc\"");
  CHECK(outcome.download.modified == 1'000'000'000);
  CHECK_FALSE(outcome.download.not_modified);
}

TEST_CASE("without a name from the server the URL has one") {
  const WebServer server(answering(response("200 OK", "", "hello")));
  CHECK(get(server.url("/a/b%20c.tar?x=/y")).download.name == "b c.tar");
  CHECK(get(server.url("/a/")).download.name.empty());
  CHECK(get(server.url("/%2e%2e%2fetc%2fpasswd")).download.name == "passwd");
}

TEST_CASE("what has not changed does not come again") {
  const WebServer server([](const std::string&, const std::string& request) {
    return request.find("If-None-Match: \"abc\"") != std::string::npos ? response("304 Not Modified", "", "")
                                                                       : response("200 OK", "", "hello");
  });
  transfer::DownloadRequest request;
  request.url = server.url("/x");
  request.etag = "\"abc\"";
  CHECK(get(request).download.not_modified);
  request.etag = "\"other\"";
  CHECK(get(request).download.digest == hello_digest);
  request.etag = "a\r\nX-Injected: 1";
  get(request);
  CHECK_THAT(server.requests().back(), !Contains("Injected"));
}

TEST_CASE("redirects are followed, and the name stays that of the question") {
  const WebServer server([](const std::string& path, const std::string&) {
    if (path == "/asked") return response("302 Found", "Location: /real\r\n", "moved");
    return path == "/real" ? response("200 OK", "", "hello") : response("302 Found", "Location: /loop\r\n", "");
  });
  const auto outcome = get(server.url("/asked"));
  CHECK(outcome.text == "hello");
  CHECK(outcome.download.name == "asked");
  CHECK_THAT(get(server.url("/loop")).error, Contains("more than 10 redirects"));
}

TEST_CASE("a redirect leads to http and https alone") {
  for (const char* place : {"file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/x", "scp://127.0.0.1/x"}) {
    const WebServer server(answering(response("302 Found", std::string("Location: ") + place + "\r\n", "")));
    CHECK_THAT(get(server.url("/")).error, Contains("only http and https"));
  }
  CHECK_THAT(get("file:///etc/passwd").error, Contains("only http and https"));
}

TEST_CASE("user and password go to the host they are for and no other") {
  const WebServer second(answering(response("200 OK", "", "hello")));
  const std::string place = "Location: " + second.url("/x", "localhost") + "\r\n";
  const WebServer first(answering(response("302 Found", place, "")));
  std::string url = first.url("/");
  url.insert(std::string("http://").size(), "user:word@");
  CHECK(get(url).text == "hello");
  CHECK_THAT(first.requests().front(), Contains("Authorization: Basic"));
  CHECK_THAT(second.requests().front(), !Contains("Authorization"));
}

TEST_CASE("a failure says what the server says, and not the password") {
  const WebServer missing(answering(response("404 Not Found", "", "<html>no</html>")));
  std::string url = missing.url("/x?token=hidden");
  url.insert(std::string("http://").size(), "user:word@");
  const auto outcome = get(url);
  CHECK_THAT(outcome.error, Contains("404") && Contains("/x") && !Contains("word") && !Contains("hidden"));
  const WebServer broken(answering(response("503 Service Unavailable", "", "")));
  CHECK_THAT(get(broken.url("/")).error, Contains("503"));
}

TEST_CASE("half a body is no download") {
  const WebServer server(answering("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello"));
  CHECK_THAT(get(server.url("/")).error, Contains("ended before the whole body"));
  const WebServer chunked(answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"));
  CHECK_FALSE(get(chunked.url("/")).error.empty());
  const WebServer nothing(answering(""));
  CHECK_FALSE(get(nothing.url("/")).error.empty());
  const WebServer noise(answering("this is not HTTP\r\n\r\n"));
  CHECK_FALSE(get(noise.url("/")).error.empty());
}

TEST_CASE("no more than the limit is written") {
  transfer::DownloadRequest request;
  request.limit = 4;
  const WebServer honest(answering(response("200 OK", "", "hello")));
  request.url = honest.url("/");
  CHECK_THAT(get(request).error, Contains("larger than 4 bytes"));
  const WebServer silent(answering("HTTP/1.1 200 OK\r\n\r\n" + std::string(100'000, 'x')));
  request.url = silent.url("/");
  CHECK_THAT(get(request).error, Contains("larger than 4 bytes"));
}

TEST_CASE("nobody there is a sentence") {
  const auto url = [] { return WebServer(answering("")).url("/"); }();  // its port is closed again
  CHECK_THAT(get(url).error, Contains("connect"));
  CHECK_THAT(get("http://name.invalid/").error, Contains("resolve"));
}

TEST_CASE("a download in progress may do next to nothing, and ends when told") {
  WebServer server(answering(WebServer::silence));
  std::string status;
  std::string root;
  linux::Cancellation cancellation;
  const pid_t starter = this_thread();
  std::thread watcher([&] {
    linux::wait_readable(server.asked.descriptor(), 10'000);
    if (const auto helper = helper_of(starter)) {
      const std::string place = "/proc/" + std::to_string(*helper);
      status = linux::try_read_file(place + "/status").value_or("");
      root = base::join(linux::RootFd::open(place + "/root").list("."), " ");
    }
    cancellation.request();
  });
  transfer::DownloadRequest request;
  request.url = server.url("/");
  const auto outcome = get(request, &cancellation);
  watcher.join();
  CHECK(outcome.error == "interrupted");
  CHECK_FALSE(helper_of(starter));
  CHECK(root == "etc");
  CHECK(status_line(status, "Uid") == "65534\t65534\t65534\t65534");
  CHECK(status_line(status, "Groups").empty());
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"})
    CHECK(status_line(status, set) == "0000000000000000");
  CHECK(status_line(status, "NoNewPrivs") == "1");
  CHECK(status_line(status, "Seccomp") == "2");
}

TEST_CASE("a helper that dies is an error, not a wait") {
  WebServer server(answering(WebServer::silence));
  const pid_t starter = this_thread();
  std::thread killer([&] {
    linux::wait_readable(server.asked.descriptor(), 10'000);
    if (const auto helper = helper_of(starter)) kill(*helper, SIGKILL);
  });
  const auto outcome = get(server.url("/"));
  killer.join();
  CHECK_THAT(outcome.error, Contains("SIGKILL"));
}
