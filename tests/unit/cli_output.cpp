#include "base/error.hpp"
#include "cli/commands.hpp"
#include "cli/container_view.hpp"
#include "cli/output.hpp"
#include "cli/run_options.hpp"
#include "support/catch.hpp"

#include <algorithm>

using namespace conductor;

namespace {

const std::vector<cli::Column> columns = {{"ID", "ID"}, {"NAMES", "Names"}};

std::vector<base::Json> rows() {
  base::Json first = base::Json::object();
  first.set("ID", "1").set("Names", "long name").set("Labels", base::Json::object().set("a", "b"));
  base::Json second = base::Json::object();
  second.set("ID", "22").set("Names", "x\x1b[31m\n").set("Labels", base::Json::object());
  return {first, second};
}

constexpr std::int64_t second = 1'000'000'000;

}  // namespace

TEST_CASE("lists: a table is aligned and cannot steer the terminal") {
  CHECK(cli::render_list(columns, {}, "") == "ID   NAMES\n");
  const std::string table = cli::render_list(columns, rows(), "table");
  CHECK(table.find("1    long name\n") != std::string::npos);
  CHECK(table.find('\x1b') == std::string::npos);
  CHECK(std::count(table.begin(), table.end(), '\n') == 3);
}

TEST_CASE("lists: letters of several bytes count as one column") {
  base::Json row = base::Json::object();
  row.set("ID", "ä…").set("Names", "n");
  CHECK(cli::render_list(columns, {row}, "") == "ID   NAMES\nä…   n\n");
}

TEST_CASE("lists: JSON, templates and tables of chosen fields") {
  CHECK(cli::render_list(columns, {rows().front()}, "json") ==
        "{\"ID\":\"1\",\"Names\":\"long name\",\"Labels\":{\"a\":\"b\"}}\n");
  CHECK(cli::render_list(columns, {rows().front()}, "{{.ID}}: {{ .Labels.a }}\\t{{json .Labels}}") ==
        "1: b\t{\"a\":\"b\"}\n");
  CHECK(cli::render_list(columns, {rows().front()}, "table {{.Names}}\\t{{.ID}}") == "NAMES       ID\nlong name   1\n");
  CHECK_THROWS_WITH(cli::render_list(columns, rows(), "{{.Name}}"), Contains("did you mean 'Names'"));
  CHECK_THROWS_WITH(cli::render_list(columns, rows(), "{{idx .}}"), Contains("no function 'idx'"));
  CHECK_THROWS_WITH(cli::render_list(columns, rows(), "{{.ID"), Contains("without"));
}

TEST_CASE("lists: labels by name have a column of their own") {
  auto all = rows();
  for (auto& row : all) row.set("Label", base::Json::object());
  all[1].set("Label", base::Json::object().set("org.tier", "front"));
  CHECK(cli::render_list(columns, all, "table {{.ID}}\\t{{.Label \"org.tier\"}}") == "ID   TIER\n1\n22   front\n");
  CHECK(cli::render_list(columns, all, "{{.Label \"org.tier\"}}") == "\nfront\n");
}

TEST_CASE("status: as docker words it") {
  monitor::Status status;
  CHECK(cli::status_text(status, 0) == "Created");
  status.phase = monitor::Phase::running;
  status.started_at = 100 * second;
  CHECK(cli::status_text(status, 280 * second) == "Up 3 minutes");
  status.health = monitor::Health::healthy;
  CHECK(cli::status_text(status, 280 * second) == "Up 3 minutes (healthy)");
  status.health = monitor::Health::starting;
  CHECK(cli::status_text(status, 280 * second) == "Up 3 minutes (health: starting)");
  status.phase = monitor::Phase::exited;
  status.exit_code = 3;
  status.finished_at = 200 * second;
  CHECK(cli::status_text(status, 205 * second) == "Exited (3) 5 seconds ago");
  status.exit_code = -1;
  CHECK(cli::status_text(status, 205 * second) == "Exited (unknown) 5 seconds ago");
}

TEST_CASE("commands: found by word, by family, by docker's longer words") {
  CHECK(cli::find_command({"ps", "-a"}).command->name == "ps");
  CHECK(cli::find_command({"ps", "-a"}).arguments == std::vector<std::string>{"-a"});
  CHECK(cli::find_command({"volume", "ls"}).command->name == "volume ls");
  CHECK(cli::find_command({"container", "ls", "-q"}).command->name == "ps");
  CHECK(cli::find_command({"image", "rm", "x"}).arguments == std::vector<std::string>{"x"});
  CHECK_THROWS_WITH(cli::find_command({"rnu"}), Contains("did you mean 'run'"));
  CHECK_THROWS_WITH(cli::find_command({"volume", "lss"}), Contains("did you mean 'ls'"));
  CHECK_THROWS_WITH(cli::find_command({"pull", "x"}), "'pull' is not supported yet");
  CHECK_THROWS_WITH(cli::find_command({"compose", "-f", "x", "run"}), "'compose run' is not supported yet");
}

TEST_CASE("commands: the help of a family names its own options") {
  CHECK_THAT(cli::overview_of("compose"),
             Contains("compose restart     Stop") && Contains("-f, --file FILE") && Contains("--profile PROFILE"));
  CHECK_THAT(cli::overview_of("volume"), Contains("volume ls") && !Contains("OPTIONS"));
}

TEST_CASE("commands: every row has a summary, and no name is there twice") {
  std::vector<std::string_view> names;
  for (const auto& command : cli::commands()) {
    CHECK_FALSE(command.summary.empty());
    CHECK(std::find(names.begin(), names.end(), command.name) == names.end());
    names.push_back(command.name);
    if (!command.group.empty()) CHECK_THAT(cli::overview(), Contains(std::string(command.summary)));
  }
}

TEST_CASE("templates: for each item of a list and each member of an object") {
  const auto value = base::Json::parse(
      R"({"Networks":{"a":{"IP":"1","Names":["x","y"]},"b":{"IP":"2","Names":[]}},"None":[],"Words":["p","q"]})");
  const auto expand = [&](const char* text) { return cli::expand_template(text, value); };
  CHECK(expand("{{range .Networks}}{{.IP}};{{end}}!") == "1;2;!");
  CHECK(expand("{{range .Networks}}{{.IP}}{{range .Names}} {{.}}{{end}},{{end}}") == "1 x y,2,");
  CHECK(expand("{{range .Words}}{{.}}\\n{{end}}") == "p\nq\n");
  CHECK(expand("[{{range .None}}{{.IP}}{{range .X}}{{end}}{{end}}]") == "[]");
  CHECK_THROWS_WITH(expand("{{range .Words}}{{.}}"), Contains("without {{end}}"));
  CHECK_THROWS_WITH(expand("{{range .None}}"), Contains("without {{end}}"));
  CHECK_THROWS_WITH(expand("{{range .Nets}}{{end}}"), Contains("there is no field 'Nets'"));
  CHECK_THROWS(expand("{{end}}"));
}

TEST_CASE("run options: restart policies") {
  CHECK(cli::parse_restart("on-failure:3").max_retries == 3);
  CHECK(cli::parse_restart("unless-stopped").policy == monitor::RestartPolicy::unless_stopped);
  for (const char* bad : {"", "sometimes", "always:3", "on-failure:x", "on-failure:-1"})
    CHECK_THROWS(cli::parse_restart(bad));
}
