#include "cli/image_view.hpp"
#include "support/catch.hpp"

using namespace conductor;

namespace {

image::Image sample() {
  image::Image image;
  image.id = std::string(64, 'b');
  image.layers = {"base", "files"};
  image.history = {{0, "COPY . /app # " + std::string(60, 'x'), "", false}, {0, "CMD [\"run\"]", "note", true}};
  return image;
}

std::int64_t size_of(const std::string& layer) { return layer == "files" ? 2000 : 7000; }

}  // namespace

TEST_CASE("history: newest first, sizes by layer, layers of unknown origin last") {
  const auto rows = cli::history_rows(sample(), size_of, {}, 0);
  REQUIRE(rows.size() == 3);
  CHECK(*rows[0].find("ID")->string() == "bbbbbbbbbbbb");
  CHECK(*rows[0].find("CreatedBy")->string() == "CMD [\"run\"]");
  CHECK(*rows[0].find("Size")->string() == "0B");
  CHECK(*rows[0].find("Comment")->string() == "note");
  CHECK(*rows[1].find("ID")->string() == "<missing>");
  CHECK(*rows[1].find("Size")->string() == "2kB");
  CHECK(rows[1].find("CreatedBy")->string()->ends_with("…"));
  CHECK(*rows[2].find("Size")->string() == "7kB");
  CHECK(rows[2].find("CreatedBy")->string()->empty());
}

TEST_CASE("history: whole, and for programs") {
  const auto rows = cli::history_rows(sample(), size_of, {true, false}, 0);
  CHECK(*rows[0].find("ID")->string() == "sha256:" + std::string(64, 'b'));
  CHECK(rows[1].find("CreatedBy")->string()->size() == 74);
  CHECK(*rows[1].find("Size")->string() == "2000");
}

TEST_CASE("inspect of an image: docker's members") {
  image::Config config;
  config.volumes = {"/data"};
  config.exposed_ports = {"80/tcp"};
  config.on_build = {"RUN x"};
  config.stop_signal = "SIGQUIT";
  config.healthcheck = image::Healthcheck{{"CMD", "true"}, 1'000'000'000, 0, 0, 0, 3};
  const auto json = cli::config_json(config);
  CHECK(json.find("Volumes")->dump() == "{\"/data\":{}}");
  CHECK(json.find("ExposedPorts")->dump() == "{\"80/tcp\":{}}");
  CHECK(json.find("OnBuild")->dump() == "[\"RUN x\"]");
  CHECK(json.find("StopSignal")->dump() == "\"SIGQUIT\"");
  CHECK(json.find("Healthcheck")->dump() == "{\"Test\":[\"CMD\",\"true\"],\"Interval\":1000000000,\"Retries\":3}");
  CHECK(json.find("Shell") == nullptr);
  CHECK(cli::config_json({}).find("Volumes")->is_null());
}
