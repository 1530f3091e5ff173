#include "compose/observed.hpp"

#include "base/text.hpp"
#include "base/units.hpp"
#include "compose/labels.hpp"

#include <algorithm>

namespace conductor::compose {
namespace {

std::string label_of(const engine::Container& container, const char* name) {
  const auto found = container.config.labels.find(name);
  return found == container.config.labels.end() ? std::string() : found->second;
}

}  // namespace

std::vector<parser::Dependency> ObservedContainer::dependencies() const {
  std::vector<parser::Dependency> result;
  const std::string text = label_of(container, label::depends_on);
  if (text.empty()) return result;
  for (const auto& entry : base::split(text, ',')) {
    const auto parts = base::split(entry, ':');
    parser::Dependency dependency;
    dependency.service = parts[0];
    if (parts.size() > 1) base::enum_parse(parts[1], dependency.condition);
    dependency.restart = parts.size() > 2 && parts[2] == "true";
    result.push_back(std::move(dependency));
  }
  return result;
}

std::vector<const ObservedContainer*> ObservedProject::of(const std::string& service) const {
  std::vector<const ObservedContainer*> result;
  for (const auto& container : containers)
    if (container.service == service) result.push_back(&container);
  return result;
}

const ObservedContainer* ObservedProject::find(const std::string& service, int number) const {
  for (const auto& container : containers)
    if (container.service == service && container.number == number) return &container;
  return nullptr;
}

std::vector<ObservedContainer> containers_of(const std::vector<engine::Observed>& list, const std::string& project) {
  std::vector<ObservedContainer> result;
  for (const auto& observed : list) {
    if (label_of(observed.container, label::project) != project) continue;
    if (label_of(observed.container, label::one_off) == "True") continue;
    ObservedContainer container;
    container.service = label_of(observed.container, label::service);
    container.number =
        static_cast<int>(base::parse_number(label_of(observed.container, label::number), 1 << 20).value_or(0));
    container.container = observed.container;
    container.status = observed.status;
    result.push_back(std::move(container));
  }
  std::ranges::sort(result, [](const auto& a, const auto& b) {
    return std::tie(a.service, a.number, a.container.id) < std::tie(b.service, b.number, b.container.id);
  });
  return result;
}

std::string state_text(const monitor::Status& status) {
  std::string text(base::enum_name(status.phase));
  if (status.phase == monitor::Phase::exited)
    return text + " (" + (status.exit_code < 0 ? "unknown" : std::to_string(status.exit_code)) + ")";
  if (status.phase == monitor::Phase::running && status.health != monitor::Health::none)
    text += " (" + std::string(base::enum_name(status.health)) + ")";
  return text;
}

}  // namespace conductor::compose
