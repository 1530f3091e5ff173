// events.
#include "base/error.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "cli/commands.hpp"
#include "cli/filters.hpp"
#include "cli/moments.hpp"
#include "cli/output.hpp"
#include "engine/events.hpp"

#include <poll.h>

#include <algorithm>

namespace conductor::cli {

namespace {

using monitor::JournalEntry;

std::string attribute(const JournalEntry& entry, const std::string& key) {
  for (const auto& each : entry.attributes)
    if (each.key == key) return each.value;
  return {};
}

bool names_object(const JournalEntry& entry, const std::string& wanted) {
  return entry.id.starts_with(wanted) || attribute(entry, "name") == wanted;
}

// "counter" is any tag of it.
bool is_image(const std::string& image, const std::string& wanted) {
  return image == wanted || image.starts_with(wanted + ":");
}

// Whether a filter holds; "health_status" is every state of health.
bool holds(const std::string& key, const std::string& value, const JournalEntry& entry) {
  if (key == "type") return entry.type == value;
  if (key == "event") return entry.action == value || entry.action.starts_with(value + ":");
  if (key == "label") {
    Labels labels;
    for (const auto& each : entry.attributes) labels[each.key] = each.value;
    return has_label(labels, value);
  }
  if (key == "image") {
    if (entry.type == "image") return names_object(entry, value) || is_image(attribute(entry, "name"), value);
    return is_image(attribute(entry, "image"), value);
  }
  return entry.type == key && names_object(entry, value);  // container, volume, network
}

base::Json json_of(const JournalEntry& entry) {
  base::Json attributes = base::Json::object();
  for (const auto& each : entry.attributes) attributes.set(each.key, each.value);
  base::Json actor = base::Json::object();
  actor.set("ID", entry.id);
  actor.set("Attributes", std::move(attributes));
  base::Json json = base::Json::object();
  json.set("Type", entry.type);
  json.set("Action", entry.action);
  json.set("Actor", std::move(actor));
  json.set("scope", "local");
  json.set("time", entry.time_ns / 1'000'000'000);
  json.set("timeNano", entry.time_ns);
  return json;
}

std::string text_of(const JournalEntry& entry) {
  std::vector<std::string> attributes;
  for (const auto& each : entry.attributes) attributes.push_back(each.key + "=" + each.value);
  std::sort(attributes.begin(), attributes.end());
  const std::string line = base::format_time(entry.time_ns) + " " + entry.type + " " + entry.action + " " + entry.id +
                           (attributes.empty() ? "" : " (" + base::join(attributes, ", ") + ")");
  return base::escape_control(line);
}

class Printer {
 public:
  explicit Printer(std::string format) : format_(std::move(format)) {}
  void print(const JournalEntry& entry) const {
    if (format_.empty()) return print_line(text_of(entry));
    const base::Json json = json_of(entry);
    print_line(format_ == "json" ? json.dump() : expand_template(format_, json));
  }

 private:
  std::string format_;
};

// Until there is more, or that moment has come: false then.
bool wait_for_more(const engine::EventReader& reader, const std::optional<std::int64_t>& until) {
  constexpr std::int64_t millisecond = 1'000'000;
  pollfd entry{reader.changed(), POLLIN, 0};
  for (;;) {
    const std::int64_t left = until ? (*until - base::now_unix_ns()) / millisecond + 1 : -1;
    if (until && left <= 0) return false;
    const int found = poll(&entry, 1, static_cast<int>(std::min<std::int64_t>(left, INT32_MAX)));
    if (found > 0) return true;
  }
}

}  // namespace

int events(Invocation& call) {
  std::optional<std::string> since_text, until_text;
  std::vector<std::string> filter_texts;
  std::string format;
  call.options().option("--since", since_text, "from that time on, or that long ago", "TIME");
  call.options().option("--until", until_text, "up to that time, or that long ago; without it for ever", "TIME");
  call.options().option("-f,--filter", filter_texts, "only those, KEY=VALUE", "FILTER");
  call.options().option("--format", format, "json or a template", "FORMAT");
  call.parse();
  const Filters filters(filter_texts, {"type", "event", "container", "image", "volume", "network", "label"});
  const Printer printer(format);
  std::optional<std::int64_t> until;
  if (until_text) until = parse_moment("--until", *until_text);
  const std::int64_t since = since_text ? parse_moment("--since", *since_text) : base::now_unix_ns();

  engine::EventReader reader(call.engine().locations());
  do {
    reader.read([&](const JournalEntry& entry) {
      if (entry.time_ns < since || (until && entry.time_ns > *until)) return;
      if (filters.accept([&](const auto& key, const auto& value) { return holds(key, value, entry); }))
        printer.print(entry);
    });
  } while (wait_for_more(reader, until));
  return 0;
}

}  // namespace conductor::cli
