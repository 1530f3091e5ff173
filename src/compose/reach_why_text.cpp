// An answer as people and programs read it.
#include "compose/reach_why.hpp"

namespace conductor::compose {
namespace {

// A reason as our mistakes are shown, without their word "error".
std::string shown(const Project& project, const Reason& reason) {
  std::string text = base::render({reason.place, reason.text, reason.hint, base::Severity::error}, project.text);
  const std::string word = "error: ";
  text.erase(text.find(word), word.size());
  return text;
}

}  // namespace

std::string to_text(const Project& project, const Answer& answer) {
  std::string text = answer.summary + "\n";
  for (const auto& reason : answer.reasons) text += shown(project, reason) + "\n";
  return text;
}

base::Json to_json(const Reach& reach) {
  auto json = base::Json::object();
  json.set("kind", base::enum_name(reach.kind)).set("from", reach.from);
  json.set("to", reach.to).set("protocol", base::enum_name(reach.ports.protocol));
  json.set("first_port", reach.ports.first).set("last_port", reach.ports.last);
  if (reach.kind == Reach::Kind::published) {
    json.set("host_ip", reach.host_ip).set("host_port", reach.host_port);
    json.set("scope", base::enum_name(reach.scope));
  }
  json.set("via", reach.via);
  if (!reach.network.empty()) json.set("network", reach.network);
  if (reach.place.line != 0) json.set("place", base::to_text(reach.place));
  return json;
}

base::Json to_json(const Answer& answer) {
  auto json = base::Json::object();
  json.set("allowed", answer.allowed).set("summary", answer.summary);
  auto reasons = base::Json::array(), because = base::Json::array();
  for (const auto& reason : answer.reasons) {
    auto item = base::Json::object();
    item.set("text", reason.text);
    if (reason.place.line != 0) item.set("place", base::to_text(reason.place));
    if (!reason.hint.empty()) item.set("hint", reason.hint);
    reasons.add(item);
  }
  for (const auto& reach : answer.because) because.add(to_json(reach));
  json.set("reasons", reasons).set("because", because);
  return json;
}

}  // namespace conductor::compose
