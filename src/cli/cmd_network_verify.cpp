// network verify and repair.
#include "base/error.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"

namespace conductor::cli {

namespace {

// An error says that it could not be looked at: exit code 1.
std::vector<network::Finding> find_differences(engine::Engine& engine, bool probe,
                                               const std::vector<std::string>& names) {
  try {
    std::vector<std::string> ids;
    for (const auto& name : names) ids.push_back(engine.resolve(name));
    auto findings = engine.verify_network();
    if (probe)
      for (auto& finding : engine.network().probe(ids)) findings.push_back(std::move(finding));
    return findings;
  } catch (base::Error& e) {
    e.with_exit_code(1);
    throw;
  }
}

base::Json row_of(const network::Finding& finding) {
  return base::Json::object()
      .set("Kind", base::enum_name(finding.kind))
      .set("Object", finding.object)
      .set("Text", finding.text);
}

}  // namespace

int network_verify(Invocation& call) {
  constexpr int differs = 2;
  bool probe = false;
  std::string format;
  std::vector<std::string> names;
  call.options().flag("--probe", probe, "also connect, between all containers that run or those named");
  call.options().option("--format", format, "table, json or a template", "FORMAT");
  call.options().words("CONTAINER", names);
  call.options().note("Exit code 0: exact; 2: something differs; 1: it could not be looked at.");
  call.parse();
  if (!names.empty() && !probe)
    throw base::Error("containers are named for --probe; without it all of the network is looked at")
        .with_exit_code(base::exit_usage);
  const auto findings = find_differences(call.engine(), probe, names);
  std::vector<base::Json> rows;
  for (const auto& finding : findings) rows.push_back(row_of(finding));
  if (rows.empty() && (format.empty() || format == "table"))
    print_line("The network is as declared.");
  else
    print(render_list({{"KIND", "Kind"}, {"OBJECT", "Object"}, {"WHAT", "Text"}}, rows, format));
  return findings.empty() ? 0 : differs;
}

int network_repair(Invocation& call) {
  std::string format;
  call.options().option("--format", format, "table, json or a template", "FORMAT");
  call.options().note("Exit code 0: it is as declared now; 1: something could not be mended.");
  call.parse();
  // Containers that have ended are taken out first: nothing of theirs is to be made again.
  call.engine().verify_network();
  const auto [mended, left] = call.engine().network().mend();
  std::vector<base::Json> rows;
  for (const auto& finding : mended) rows.push_back(row_of(finding).set("Result", "mended"));
  for (const auto& finding : left) rows.push_back(row_of(finding).set("Result", "left"));
  if (rows.empty() && (format.empty() || format == "table"))
    print_line("The network is as declared.");
  else
    print(render_list({{"RESULT", "Result"}, {"KIND", "Kind"}, {"OBJECT", "Object"}, {"WHAT", "Text"}}, rows, format));
  if (!left.empty()) say("what is left cannot be mended from here: it belongs to others, or the log says why");
  return left.empty() ? 0 : 1;
}

}  // namespace conductor::cli
