// RUN --mount: its keys, what they are called, and which belong to which type.
#include "parser/conductorfile.hpp"
#include "support/catch.hpp"

#include <string>

using namespace conductor::parser;
using conductor::base::SourceError;

namespace {

std::optional<std::string> variable(const std::string& name) {
  if (name == "dir") return "/cache, of x";
  if (name == "type") return "tmpfs";
  return std::nullopt;
}

RunMount mount(const std::string& text) { return parse_run_mount({text, {"f", 1, 5}}, variable); }

std::string failure(const std::string& text) {
  try {
    mount(text);
  } catch (const SourceError& error) {
    return error.what();
  }
  return "none";
}

}  // namespace

TEST_CASE("a mount of each type, with its defaults") {
  const auto bind = mount("target=/x");
  CHECK(bind.type == MountType::bind);
  CHECK(bind.target == "/x");
  CHECK(bind.read_only);
  const auto cache = mount("type=cache,id=pip,target=/c,sharing=locked,uid=1000,gid=5,mode=0750,from=base,source=/s");
  CHECK(cache.type == MountType::cache);
  CHECK(cache.id == "pip");
  CHECK(cache.sharing == Sharing::locked);
  CHECK(cache.uid == 1000U);
  CHECK(cache.gid == 5U);
  CHECK(cache.mode == 0750U);
  CHECK(cache.from == "base");
  CHECK(cache.source == "/s");
  CHECK_FALSE(cache.read_only);
  const auto tmpfs = mount("type=tmpfs,target=/t,size=64m");
  CHECK(tmpfs.size == std::int64_t{64} << 20U);
  CHECK_FALSE(tmpfs.read_only);
  const auto secret = mount("type=secret,id=token,env=TOKEN,required");
  CHECK(secret.type == MountType::secret);
  CHECK(secret.environment == "TOKEN");
  CHECK(secret.required);
  const auto ssh = mount("type=ssh");
  CHECK(ssh.type == MountType::ssh);
  CHECK_FALSE(ssh.required);
  CHECK(ssh.target.empty());
}

TEST_CASE("other names of the keys of a mount") {
  for (const char* text : {"type=bind,dst=/x,src=/y", "DESTINATION=/x,Source=/y,type=bind", "src=/y,target=/x"}) {
    INFO(text);
    CHECK(mount(text).target == "/x");
    CHECK(mount(text).source == "/y");
  }
  for (const char* text : {"rw", "readwrite", "rw=true", "ro=false", "readonly=0", "readwrite=1"})
    CHECK_FALSE(mount(std::string("target=/x,") + text).read_only);
  for (const char* text : {"ro", "readonly", "ro=true", "rw=false"})
    CHECK(mount(std::string("type=cache,target=/x,") + text).read_only);
  CHECK(mount("type=cache,target=/x,sharing=PRIVATE").sharing == Sharing::exclusive);
  CHECK(mount("type=secret,id=x,required=false").required == false);
  CHECK(mount("type=ssh,required=true,mode=0400").required);
}

TEST_CASE("fields of a mount are separated as CSV, and expanded each") {
  CHECK(mount("type=cache,\"target=/a,b\"").target == "/a,b");
  CHECK(mount("type=cache,\"target=/a\"\"b\"\"\"").target == "/ab");  // the second quotes are a word's
  CHECK(mount("type=cache,target=$dir").target == "/cache, of x");
  CHECK(mount("type=${type},target=/x").type == MountType::tmpfs);
  CHECK(mount("target=${unset:-/y}").target == "/y");
}

TEST_CASE("mistakes in a mount") {
  CHECK_THAT(failure("type=volume,target=/x"), Contains("f:1:5: error: unknown type of --mount: 'volume'"));
  CHECK_THAT(failure("type=cahce,target=/x"), Contains("did you mean 'cache'?"));
  CHECK_THAT(failure("traget=/x"), Contains("unknown key in --mount: 'traget' (did you mean 'target'?)"));
  CHECK_THAT(failure("type=tmpfs,target=/x,id=y"),
             Contains("--mount id is no key of type=tmpfs (it takes type, target"));
  CHECK_THAT(failure("target=/x,required"), Contains("no key of type=bind"));
  CHECK_THAT(failure("size=1m,target=/x"), Contains("no key of type=bind"));
  CHECK_THAT(failure("type=secret,id=x,sharing=locked"), Contains("no key of type=secret"));
  for (const char* text : {"", "type=bind", "type=cache,id=x", "type=tmpfs,size=1m", "target="})
    CHECK(failure(text) != "none");
  CHECK_THAT(failure("type=cache"), Contains("type=cache needs a target"));
  CHECK_THAT(failure("type=secret"), Contains("needs an id or a target"));
  CHECK_THAT(failure("type=secret,id=a,source=b"), Contains("one of source and id"));
  CHECK_THAT(failure("target"), Contains("--mount target needs a value"));
  CHECK_THAT(failure("target=/x,ro=maybe"), Contains("--mount ro cannot be 'maybe'"));
  for (const char* wrong :
       {"mode=8", "mode=u+x", "mode=", "mode=77777", "uid=-1", "uid=root", "gid=4294967296", "sharing=mine"})
    CHECK_THAT(failure(std::string("type=cache,target=/x,") + wrong), Contains("cannot be"));
  CHECK_THAT(failure("type=tmpfs,target=/x,size=big"), Contains("--mount size cannot be 'big'"));
  CHECK_THAT(failure("\"target=/x"), Contains("quote in --mount is not closed"));
  CHECK_THAT(failure("\"target=/x\"y"), Contains("expected ','"));
}
