#include "linux/cgroup_usage.hpp"

#include "base/text.hpp"
#include "base/units.hpp"
#include "linux/cgroup_layout.hpp"
#include "linux/fd.hpp"

#include <algorithm>
#include <string_view>

namespace conductor::linux {
namespace {

// The group in the hierarchy of one controller.
struct Place {
  std::string directory;
  bool unified;

  std::optional<std::string> read(const char* v1, const char* v2) const {
    return try_read_file(directory + "/" + (unified ? v2 : v1));
  }
};

std::optional<Place> find_place(const std::string& path, const char* controller) {
  const CgroupHierarchy* hierarchy = cgroup_layout().with(controller);
  if (hierarchy == nullptr) return std::nullopt;
  return Place{hierarchy->directory(path), hierarchy->unified};
}

std::optional<std::int64_t> number_in(const std::optional<std::string>& text) {
  return text ? base::parse_number(base::trim(*text)) : std::nullopt;
}

// A file says "max", or version 1's largest number of pages, where there is none.
std::optional<std::int64_t> limit_in(const std::optional<std::string>& text) {
  const auto limit = number_in(text);
  return limit && *limit < INT64_MAX / 2 ? limit : std::nullopt;
}

// The value of a line "NAME VALUE" of a flat keyed file.
std::optional<std::int64_t> keyed_number(const std::optional<std::string>& text, std::string_view name) {
  if (!text) return std::nullopt;
  std::size_t at = 0;
  while (at < text->size()) {
    const std::size_t end = std::min(text->find('\n', at), text->size());
    const std::string_view line = std::string_view(*text).substr(at, end - at);
    if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == ' ')
      return base::parse_number(line.substr(name.size() + 1));
    at = end + 1;
  }
  return std::nullopt;
}

// Version 1: lines "8:0 Read 4096"; all disks together.
std::int64_t sum_of_v1(const std::string& text, const std::string& operation) {
  std::int64_t sum = 0;
  for (const auto& line : base::split(text, '\n')) {
    const auto words = base::split(line, ' ');
    if (words.size() == 3 && words[1] == operation) sum += base::parse_number(words[2]).value_or(0);
  }
  return sum;
}

// Version 2: lines "8:0 rbytes=4096 wbytes=0 …".
std::int64_t sum_of_v2(const std::string& text, const std::string& key) {
  std::int64_t sum = 0;
  for (const auto& line : base::split(text, '\n'))
    for (const auto& word : base::split(line, ' '))
      if (word.starts_with(key)) sum += base::parse_number(word.substr(key.size())).value_or(0);
  return sum;
}

void count_block(const std::string& path, CgroupUsage& usage) {
  if (const auto place = find_place(path, "io")) {
    const auto text = place->read("", "io.stat").value_or("");
    usage.block_read = sum_of_v2(text, "rbytes=");
    usage.block_written = sum_of_v2(text, "wbytes=");
  } else if (const auto older = find_place(path, "blkio")) {
    const auto text = older->read("blkio.throttle.io_service_bytes_recursive", "").value_or("");
    usage.block_read = sum_of_v1(text, "Read");
    usage.block_written = sum_of_v1(text, "Write");
  }
}

}  // namespace

std::optional<std::int64_t> Cgroup::memory_usage() const {
  const auto place = find_place(path_, "memory");
  if (!place) return std::nullopt;
  const auto usage = number_in(place->read("memory.usage_in_bytes", "memory.current"));
  if (!usage) return std::nullopt;
  const char* cache = place->unified ? "inactive_file" : "total_inactive_file";
  return std::max<std::int64_t>(0, *usage - keyed_number(place->read("memory.stat", "memory.stat"), cache).value_or(0));
}

std::optional<std::int64_t> Cgroup::pids_usage() const {
  const auto place = find_place(path_, "pids");
  return place ? number_in(place->read("pids.current", "pids.current")) : std::nullopt;
}

std::optional<std::int64_t> Cgroup::cpu_usage_ns() const {
  if (const auto place = find_place(path_, "cpuacct")) return number_in(place->read("cpuacct.usage", "cpuacct.usage"));
  for (const auto& hierarchy : cgroup_layout().hierarchies) {  // version 2 counts in every group
    if (!hierarchy.unified) continue;
    const auto usage = keyed_number(try_read_file(hierarchy.directory(path_) + "/cpu.stat"), "usage_usec");
    if (usage) return *usage * 1000;
  }
  return std::nullopt;
}

CgroupUsage usage_of(const Cgroup& group) {
  CgroupUsage usage;
  usage.cpu_ns = group.cpu_usage_ns().value_or(0);
  usage.memory = group.memory_usage().value_or(0);
  usage.pids = group.pids_usage().value_or(0);
  const std::string& path = group.path();
  if (const auto cpu = find_place(path, "cpu"))
    usage.throttled = keyed_number(cpu->read("cpu.stat", "cpu.stat"), "nr_throttled").value_or(0);
  if (const auto memory = find_place(path, "memory"))
    usage.memory_limit = limit_in(memory->read("memory.limit_in_bytes", "memory.max"));
  if (const auto pids = find_place(path, "pids")) usage.pids_limit = limit_in(pids->read("pids.max", "pids.max"));
  count_block(path, usage);
  return usage;
}

}  // namespace conductor::linux
