#include "cli/user_options.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/units.hpp"

#include <limits>

namespace conductor::cli {

namespace {

[[noreturn]] void refuse(const std::string& option, const std::string& value, const std::string& expected) {
  throw base::Error("option " + option + ": '" + base::escape_control(value) + "' is not " + expected)
      .with_exit_code(base::exit_usage);
}

// "INSIDE:OUTSIDE:COUNT,…"
std::vector<monitor::IdRange> parse_map(const std::string& option, const std::string& text) {
  std::vector<monitor::IdRange> ranges;
  for (const auto& part : base::split(text, ',')) {
    std::vector<std::uint32_t> numbers;
    for (const auto& word : base::split(part, ':'))
      if (const auto number = base::parse_number(word, std::numeric_limits<std::uint32_t>::max()))
        numbers.push_back(static_cast<std::uint32_t>(*number));
    if (numbers.size() != 3 || base::split(part, ':').size() != 3)
      refuse(option, part, "INSIDE:OUTSIDE:COUNT, such as 0:100000:65536");
    ranges.push_back({numbers[0], numbers[1], numbers[2]});
  }
  return ranges;
}

std::vector<monitor::IdRange> parse_maps(const std::string& option, const std::vector<std::string>& texts) {
  std::vector<monitor::IdRange> ranges;
  for (const auto& text : texts)
    for (const auto& range : parse_map(option, text)) ranges.push_back(range);
  return ranges;
}

}  // namespace

void UserOptions::declare(Options& options) {
  options.option("--userns", user_namespace_, "whose ids its users have: auto, host or map:INSIDE:OUTSIDE:COUNT,…",
                 "MODE");
  options.option("--uidmap", user_maps_, "user ids of the host that it has", "INSIDE:OUTSIDE:COUNT");
  options.option("--gidmap", group_maps_, "group ids of the host that it has; else as --uidmap",
                 "INSIDE:OUTSIDE:COUNT");
}

void UserOptions::read(engine::ContainerConfig& config) const {
  static constexpr std::string_view map = "map:";
  const bool maps = !user_maps_.empty() || !group_maps_.empty();
  if (maps && !user_namespace_.empty())
    throw base::Error("options --userns and --uidmap or --gidmap say the same thing twice")
        .with_exit_code(base::exit_usage);
  if (maps) {
    if (user_maps_.empty()) throw base::Error("option --gidmap needs --uidmap").with_exit_code(base::exit_usage);
    config.ids.users = parse_maps("--uidmap", user_maps_);
    config.ids.groups = group_maps_.empty() ? config.ids.users : parse_maps("--gidmap", group_maps_);
  } else if (user_namespace_.starts_with(map)) {
    config.ids.users = config.ids.groups = parse_map("--userns", user_namespace_.substr(map.size()));
  } else if (user_namespace_ == "auto") {
    config.user_namespace = engine::UserNamespace::automatic;
  } else if (user_namespace_ == "host") {
    config.user_namespace = engine::UserNamespace::host;
  } else if (!user_namespace_.empty()) {
    refuse("--userns", user_namespace_, "auto, host or map:INSIDE:OUTSIDE:COUNT");
  }
  if (!config.ids.users.empty()) config.user_namespace = engine::UserNamespace::mapped;
}

}  // namespace conductor::cli
