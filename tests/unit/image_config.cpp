// The configuration document, byte by byte.
#include "base/error.hpp"
#include "base/json.hpp"
#include "image/compression.hpp"
#include "image/oci_config.hpp"
#include "support/catch.hpp"

namespace {

using namespace conductor;
using namespace conductor::image;

TEST_CASE("an image of nothing has the least document") {
  Image image;
  image.architecture = "amd64";
  image.id = "anything";
  image.size = 7;
  CHECK(oci_config(image, {}) ==
        R"({"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]}})");
}

TEST_CASE("every member has its place") {
  Image image;
  image.architecture = "arm64";
  image.author = "Ann";
  image.created = std::int64_t{1700000000} * 1'000'000'000;
  image.config.user = "1000";
  image.config.exposed_ports = {"53/udp", "80/tcp"};
  image.config.env = {"PATH=/bin", "B=\"x\""};
  image.config.entrypoint = {"/init"};
  image.config.cmd = std::vector<std::string>{};
  image.config.volumes = {"/data"};
  image.config.working_dir = "/work";
  image.config.labels = {{"b", "2"}, {"a", "1"}};
  image.config.stop_signal = "SIGQUIT";
  image.config.healthcheck = Healthcheck{{"CMD", "true"}, 1000000000, 0, 0, 0, 3};
  image.config.on_build = {"RUN true"};
  image.config.shell = {"/bin/bash", "-c"};
  image.history = {{1700000000, "COPY a /a", "", false}, {0, "CMD []", "note", true}};
  CHECK(oci_config(image, {"sha256:aa", "sha256:bb"}) ==
        R"({"created":"2023-11-14T22:13:20Z","author":"Ann","architecture":"arm64","os":"linux","config":{)"
        R"("User":"1000","ExposedPorts":{"53/udp":{},"80/tcp":{}},"Env":["PATH=/bin","B=\"x\""],)"
        R"("Entrypoint":["/init"],"Cmd":[],"Volumes":{"/data":{}},"WorkingDir":"/work","Labels":{"a":"1","b":"2"},)"
        R"("StopSignal":"SIGQUIT","Healthcheck":{"Test":["CMD","true"],"Interval":1000000000,"Retries":3},)"
        R"("OnBuild":["RUN true"],"Shell":["/bin/bash","-c"]},"rootfs":{"type":"layers","diff_ids":)"
        R"(["sha256:aa","sha256:bb"]},"history":[{"created":"2023-11-14T22:13:20Z","created_by":"COPY a /a"},)"
        R"({"created_by":"CMD []","comment":"note","empty_layer":true}]})");
  CHECK_NOTHROW(base::Json::parse(oci_config(image, {})));
}

TEST_CASE("a time has as many digits as it needs") {
  CHECK(oci_time(0) == "1970-01-01T00:00:00Z");
  CHECK(oci_time(1'500'000'000) == "1970-01-01T00:00:01.5Z");
  CHECK(oci_time(10'000'000'001) == "1970-01-01T00:00:10.000000001Z");
}

std::string compressed(Compression compression, const std::vector<std::string>& pieces) {
  std::string result;
  const auto compressor = Compressor::make(compression, [&](std::string_view bytes) { result += bytes; });
  for (const auto& piece : pieces) compressor->take(piece);
  compressor->finish();
  return result;
}

TEST_CASE("compressed bytes are the format's, the same each time, and say nothing of the machine") {
  CHECK(compressed(Compression::none, {"a", "bc"}) == "abc");
  const std::string gzip = compressed(Compression::gzip, {"hello"});
  CHECK(gzip.substr(0, 10) == std::string("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10));
  CHECK(gzip == compressed(Compression::gzip, {"hello"}));
  const std::string zstd = compressed(Compression::zstd, {std::string(1000000, 'x')});
  CHECK(zstd.substr(0, 4) == "\x28\xb5\x2f\xfd");
  CHECK(zstd.size() < 1000);
  CHECK(compressed(Compression::gzip, {std::string(1000000, 'x')}).size() < 2000);
}

TEST_CASE("compressions have names") {
  CHECK(parse_compression("") == Compression::none);
  CHECK(parse_compression("uncompressed") == Compression::none);
  CHECK(parse_compression("gzip") == Compression::gzip);
  CHECK(parse_compression("zstd") == Compression::zstd);
  CHECK_THROWS_WITH(parse_compression("gzp"), Contains("did you mean 'gzip'"));
}

}  // namespace
