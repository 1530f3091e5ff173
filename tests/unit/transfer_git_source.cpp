// What counts as the URL of a git repository.
#include "base/error.hpp"
#include "support/catch.hpp"
#include "transfer/transfer.hpp"

using conductor::transfer::GitSource;
using conductor::transfer::parse_git_source;

namespace {

std::string text_of(const std::string& url, bool context = false) {
  const auto source = parse_git_source(url, context);
  if (!source) return "none";
  std::string text = source->url + " " + source->ref + " " + source->subdir;
  if (!source->checksum.empty()) text += " checksum=" + source->checksum;
  if (source->keep_git) text += " keep";
  if (!source->submodules) text += " alone";
  return text;
}

}  // namespace

TEST_CASE("a URL of a repository, with ref and directory behind #") {
  CHECK(text_of("https://example.org/a/b.git") == "https://example.org/a/b.git  ");
  CHECK(text_of("http://example.org/b.git#v1") == "http://example.org/b.git v1 ");
  CHECK(text_of("https://example.org/b.git#main:sub/dir") == "https://example.org/b.git main sub/dir");
  CHECK(text_of("https://example.org/b.git#:sub") == "https://example.org/b.git  sub");
  CHECK(text_of("https://user:word@example.org/b.git#x") == "https://user:word@example.org/b.git x ");
  CHECK(text_of("HTTPS://example.org/b.git") == "https://example.org/b.git  ");
  CHECK(text_of("https://example.org/b.git#feature/one:two") == "https://example.org/b.git feature/one two");
  CHECK(text_of("https://example.org/b.git#a%20b:c%2fd") == "https://example.org/b.git a b c/d");
}

TEST_CASE("git and ssh need no ending") {
  CHECK(text_of("git://example.org/b") == "git://example.org/b  ");
  CHECK(text_of("ssh://git@example.org:2222/b#main") == "ssh://git@example.org:2222/b main ");
  CHECK(text_of("git@example.org:a/b#main:c") == "git@example.org:a/b main c");
  CHECK(text_of("me_2@host.example:~/b.git") == "me_2@host.example:~/b.git  ");
}

TEST_CASE("http without .git is a repository on one host alone") {
  CHECK(text_of("https://github.com/user/repo") == "https://github.com/user/repo  ");
  CHECK(text_of("https://github.com/user/repo#main:doc") == "https://github.com/user/repo main doc");
  CHECK(text_of("https://github.com/user/repo/archive/main.tar.gz") == "none");
  CHECK(text_of("https://github.com/user") == "none");
  CHECK(text_of("https://example.org/user/repo") == "none");
  CHECK(text_of("https://example.org/b.git/x") == "none");
  CHECK(text_of("https://example.org/b.tar.gz#x.git") == "none");
}

TEST_CASE("without a scheme it is a repository only where it cannot be a path") {
  CHECK(text_of("github.com/user/repo#main") == "none");
  CHECK(text_of("github.com/user/repo#main", true) == "https://github.com/user/repo main ");
  for (const char* path : {"./a@b:c", "../a@b:c", "/a@b:c", "a/b", "example.org/a.git", "a:b", "@a:b", "a@:b",
                           "a@b:", "-x@b:c", "a@-oProxyCommand=x:c", "a b@c:d"})
    CHECK(text_of(path, true) == "none");
  for (const char* url :
       {"ftp://example.org/b.git", "file:///b.git", "ext::sh -c x", "https://", "https://-x/b.git", ""})
    CHECK(text_of(url, true) == "none");
}

TEST_CASE("the same as a query") {
  CHECK(text_of("https://example.org/b.git?ref=main&subdir=a/b") == "https://example.org/b.git main a/b");
  CHECK(text_of("https://example.org/b.git?tag=v1") == "https://example.org/b.git refs/tags/v1 ");
  CHECK(text_of("https://example.org/b.git?branch=x") == "https://example.org/b.git refs/heads/x ");
  CHECK(text_of("https://example.org/b.git?keep-git-dir=1") == "https://example.org/b.git   keep");
  CHECK(text_of("https://example.org/b.git?keep-git-dir") == "https://example.org/b.git   keep");
  CHECK(text_of("https://example.org/b.git?submodules=false") == "https://example.org/b.git   alone");
  CHECK(text_of("https://example.org/b.git?checksum=0123abc") == "https://example.org/b.git 0123abc  checksum=0123abc");
  CHECK(text_of("https://example.org/b.git?checksum=0123abc#main") ==
        "https://example.org/b.git main  checksum=0123abc");
  CHECK(text_of("https://example.org/b.git?ref=main#main:a") == "https://example.org/b.git main a");
  CHECK(text_of("git@example.org:b?subdir=c+d") == "git@example.org:b  c d");
}

TEST_CASE("a query that makes no sense is an error that says so") {
  const auto error = [](const std::string& query) -> std::string {
    try {
      parse_git_source("https://example.org/b.git?" + query);
    } catch (const conductor::base::Error& e) {
      return e.what();
    }
    return "none";
  };
  CHECK_THAT(error("ref=a#b"), Contains("'b' and 'a'"));
  CHECK_THAT(error("ref=a&ref=a"), Contains("twice"));
  CHECK_THAT(error("ref="), Contains("'ref' has no value"));
  CHECK_THAT(error("tag=a&branch=b"), Contains("a tag and a branch"));
  CHECK_THAT(error("keep-git-dir=maybe"), Contains("true or false"));
  CHECK_THAT(error("brunch=a"), Contains("did you mean 'branch'?"));
}
