#include "base/error.hpp"
#include "cli/build_options.hpp"
#include "cli/build_report.hpp"
#include "cli/build_words.hpp"
#include "cli/security_options.hpp"
#include "support/catch.hpp"
#include "support/temp.hpp"

#include <sys/resource.h>
#include <sys/stat.h>

using namespace conductor;
using namespace conductor::cli;
using builder::OutputType;

namespace {

// An environment and files of the test's own.
Surroundings around(std::map<std::string, std::string> variables = {}, std::vector<std::string> files = {},
                    bool terminal = false) {
  return {[variables](const std::string& name) -> std::optional<std::string> {
            const auto found = variables.find(name);
            return found == variables.end() ? std::nullopt : std::optional(found->second);
          },
          [files](const std::string& path) { return std::find(files.begin(), files.end(), path) != files.end(); },
          terminal};
}

template <class Act>
std::string refusal(Act act) {
  try {
    act();
  } catch (const base::Error& e) {
    CHECK(e.exit_code() == base::exit_usage);
    return e.message() + " | " + e.hint();
  }
  return "not refused";
}

// The words of a whole command line.
BuildRequest request(std::vector<std::string> words, const Surroundings& where = around()) {
  BuildWords build;
  Options options("build", "");
  build.declare(options);
  words.emplace_back(".");
  options.parse(words);
  return build.read(where);
}

}  // namespace

TEST_CASE("build words: fields, also in quotes") {
  using Fields = OptionFields;
  CHECK(split_fields("-o", "type=local,dest=out") == Fields{{"type", "local"}, {"dest", "out"}});
  CHECK(split_fields("-o", "type=local,\"dest=a,b\"") == Fields{{"type", "local"}, {"dest", "a,b"}});
  CHECK(split_fields("-o", "\"dest=a\"\"b\"") == Fields{{"dest", "a\"b"}});
  CHECK(split_fields("-o", "Flag") == Fields{{"flag", ""}});
  CHECK(refusal([] { split_fields("-o", "\"a"); }).find("quote") != std::string::npos);
}

TEST_CASE("build words: arguments and labels") {
  const auto where = around({{"HERE", "yes"}});
  CHECK(read_arguments({"A=1", "B=x=y", "C=", "HERE", "ABSENT"}, where) ==
        std::map<std::string, std::string>{{"A", "1"}, {"B", "x=y"}, {"C", ""}, {"HERE", "yes"}});
  CHECK(read_build_labels({"a=1", "b"}) == std::map<std::string, std::string>{{"a", "1"}, {"b", ""}});
  CHECK(refusal([&] { read_arguments({"=x"}, where); }).starts_with("option --build-arg"));
}

TEST_CASE("build words: secrets") {
  const auto where = around({{"token", "t"}, {"VAR", "v"}}, {"file", "other"});
  const auto read = [&](const std::string& text) {
    const auto secret = read_secret(text, where);
    return secret.id + "|" + secret.file + "|" + secret.environment;
  };
  CHECK(read("id=a,src=file") == "a|file|");
  CHECK(read("id=a,source=file") == "a|file|");
  CHECK(read("id=a,env=VAR") == "a||VAR");
  CHECK(read("id=token") == "token||token");
  CHECK(read("id=file") == "file|file|");
  CHECK(read("type=env,id=a,src=VAR") == "a||VAR");
  CHECK(read("type=file,id=other") == "other|other|");
  CHECK(read("id=a,env=UNSET") == "a||UNSET");  // an empty secret, as docker has it
  CHECK(refusal([&] { read("src=file"); }).find("no id") != std::string::npos);
  CHECK(refusal([&] { read("id=a,src=absent"); }).find("no file 'absent'") != std::string::npos);
  CHECK(refusal([&] { read("id=a,src=file,env=VAR"); }).find("both") != std::string::npos);
  CHECK(refusal([&] { read("id=a,target=/x"); }).find("unknown field 'target'") != std::string::npos);
}

TEST_CASE("build words: ssh agents") {
  const auto where = around({{"SSH_AUTH_SOCK", "/run/agent"}}, {"key.pem"});
  CHECK(read_ssh("default", where).socket == "/run/agent");
  CHECK(read_ssh("git=/run/other", where).id == "git");
  CHECK(read_ssh("git=/run/other", where).socket == "/run/other");
  CHECK(refusal([] { read_ssh("default", around()); }).find("SSH_AUTH_SOCK") != std::string::npos);
  CHECK(refusal([&] { read_ssh("default=key.pem", where); }).find("ssh-add") != std::string::npos);
}

TEST_CASE("build words: outputs") {
  std::vector<std::string> tags;
  const auto read = [&](const std::string& text, bool terminal = false) {
    return read_output(text, tags, around({}, {}, terminal));
  };
  CHECK(read("out").type == OutputType::local);
  CHECK(read("out").destination == "out");
  CHECK(read("-").type == OutputType::tar);
  CHECK(read("type=tar").destination == "-");
  CHECK(read("type=oci,dest=a.tar").archive);
  CHECK_FALSE(read("type=oci,dest=a,tar=false").archive);
  CHECK(read("type=oci,dest=a.tar,compression=zstd").compression == "zstd");
  CHECK(read("type=docker").type == OutputType::store);
  CHECK(read("type=docker,dest=a.tar").type == OutputType::docker);
  CHECK(read("type=image,name=a:1").type == OutputType::store);
  CHECK(tags == std::vector<std::string>{"a:1"});
  CHECK(refusal([&] { read("type=local"); }).find("dest=DIRECTORY") != std::string::npos);
  CHECK(refusal([&] { read("type=oci", true); }).find("terminal") != std::string::npos);
  CHECK(refusal([&] { read("type=registry"); }).find("not supported yet") != std::string::npos);
  CHECK(refusal([&] { read("type=image,push=true"); }).find("registry") != std::string::npos);
  CHECK(refusal([&] { read("type=oci,dst=x"); }).find("did you mean 'dest'") != std::string::npos);
  CHECK(refusal([&] { read("type=oci,compression=lz4"); }).find("lz4") != std::string::npos);
}

TEST_CASE("build words: caches") {
  CHECK(read_cache("--cache-from", "type=local,src=dir") == "dir");
  CHECK(read_cache("--cache-to", "type=local,dest=dir,mode=max") == "dir");
  CHECK(refusal([] { read_cache("--cache-from", "user/app:cache"); }).find("registry") != std::string::npos);
  CHECK(refusal([] { read_cache("--cache-to", "type=gha"); }).find("type=gha is not supported yet") !=
        std::string::npos);
  CHECK(refusal([] { read_cache("--cache-to", "type=local,src=dir"); }).find("'src'") != std::string::npos);
}

TEST_CASE("build words: limits, hosts, platforms, networks") {
  const auto limits = read_ulimits({"nofile=1024:2048", "stack=-1"});
  REQUIRE(limits.size() == 2);
  CHECK(limits[0] == monitor::ResourceLimit{RLIMIT_NOFILE, 1024, 2048});
  CHECK(limits[1].soft == ~std::uint64_t{0});
  CHECK(refusal([] { read_ulimits({"nofiles=1"}); }).find("option --ulimit: ") == 0);
  CHECK(read_build_host("db=192.0.2.1") == "db:192.0.2.1");
  CHECK_THROWS_AS(read_build_host("db"), base::Error);
  check_platform("linux/amd64", "amd64");
  check_platform("linux/arm64/v8", "arm64");
  check_platform("local", "amd64");
  CHECK(refusal([] { check_platform("linux/amd64,linux/arm64", "amd64"); }).find("'linux/arm64'") != std::string::npos);
  CHECK(read_build_network("host") == builder::NetworkChoice::host);
  CHECK(refusal([] { read_build_network("bridge"); }).find("--network") != std::string::npos);
}

TEST_CASE("build words: what is called for") {
  CHECK(read_call("outline,format=json").json);
  CHECK(read_call("check").kind == BuildCall::Kind::check);
  CHECK(read_call("ast").kind == BuildCall::Kind::ast);
  CHECK(refusal([] { read_call("chek"); }).find("did you mean 'check'") != std::string::npos);
  CHECK(refusal([] { read_call("check,format=xml"); }).find("format=xml") != std::string::npos);
  CHECK(request({"--check"}).call.kind == BuildCall::Kind::check);
  CHECK(refusal([] { request({"--check", "--call=outline"}); }).find("exclude each other") != std::string::npos);
}

TEST_CASE("build words: a whole command line") {
  const auto all = request({"-t",
                            "a",
                            "--tag=b:1",
                            "-f",
                            "x/Dockerfile",
                            "--target",
                            "T",
                            "--no-cache-filter=A,b",
                            "--no-cache-filter",
                            "c",
                            "--shm-size=1m",
                            "--rm=false",
                            "--force-rm",
                            "--compress",
                            "--provenance=false",
                            "--allow",
                            "network.host",
                            "--pull",
                            "--load",
                            "--iidfile",
                            "id"});
  CHECK(all.options.tags == std::vector<std::string>{"a", "b:1"});
  CHECK(all.options.no_cache_filter == std::vector<std::string>{"a", "b", "c"});
  CHECK(all.options.shm_size == 1 << 20);
  CHECK(all.options.pull);
  CHECK(all.options.outputs.empty());
  CHECK(all.id_file == "id");
  CHECK(request({"-o", "out", "--load"}).options.outputs.size() == 2);
  CHECK_FALSE(request({"-o", "-"}).result_on_stdout);
}

TEST_CASE("build words: the time that files are clamped to") {
  CHECK_FALSE(request({}).options.source_date_epoch);
  CHECK(request({}, around({{"SOURCE_DATE_EPOCH", "5"}})).options.source_date_epoch == 5);
  CHECK(
      request({"--build-arg", "SOURCE_DATE_EPOCH=7"}, around({{"SOURCE_DATE_EPOCH", "5"}})).options.source_date_epoch ==
      7);
  CHECK(refusal([] { request({"--build-arg", "SOURCE_DATE_EPOCH=now"}); }).find("'now'") != std::string::npos);
}

TEST_CASE("build words: how progress is shown") {
  CHECK(request({}).progress == ProgressKind::automatic);
  CHECK(request({"-q"}).progress == ProgressKind::quiet);
  CHECK(request({"--progress=tty"}).progress == ProgressKind::terminal);
  CHECK(request({}, around({{"BUILDKIT_PROGRESS", "plain"}})).progress == ProgressKind::plain);
  CHECK(refusal([] { request({"-q", "--progress=plain"}); }).find("exclude each other") != std::string::npos);
  CHECK(refusal([] { request({"--progress=plian"}); }).find("did you mean 'plain'") != std::string::npos);
}

TEST_CASE("build words: what is refused says what there is instead") {
  CHECK(refusal([] { request({"--push"}); }).find("-o type=oci") != std::string::npos);
  CHECK(refusal([] { request({"--memory=1g"}); }).find("--ulimit") != std::string::npos);
  CHECK(refusal([] { request({"--sbom=true"}); }).find("--sbom=false") != std::string::npos);
  CHECK(refusal([] { request({"--allow=security.insecure"}); }).find("confined") != std::string::npos);
  CHECK(refusal([] { request({"-f-", "-"}); }).find("one context") != std::string::npos);
  CHECK(refusal([] { request({"-t", "Not A Name"}); }).find("Not A Name") != std::string::npos);
}

TEST_CASE("build report: files are whole, and for others to read") {
  const test::TemporaryDirectory directory;
  builder::BuildResult result;
  result.image.id = std::string(64, 'a');
  const auto json = build_metadata(result, {"a:latest", "b:1"});
  CHECK(*json.find("containerimage.config.digest")->string() == "sha256:" + result.image.id);
  CHECK(*json.find("image.name")->string() == "a:latest,b:1");
  write_result_file(directory / "id", "first");
  write_result_file(directory / "id", "second");
  CHECK(linux::read_file(directory / "id") == "second");
  struct stat status{};
  REQUIRE(stat((directory / "id").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0644U);
  CHECK_THROWS_AS(write_result_file(directory / "absent/id", "x"), base::Error);
}
