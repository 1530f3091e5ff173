#include "cli/process_columns.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "engine/usage.hpp"
#include "linux/fd.hpp"

#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <map>

namespace conductor::cli {

namespace {

using linux::ProcessInfo;

template <class... Arguments>
std::string formatted(const char* form, Arguments... arguments) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), form, arguments...);
  return text.data();
}

// Names by number, of the host's /etc/passwd or /etc/group: it is the host's numbers that are shown.
std::string name_of(const char* file, std::uint32_t number) {
  static std::map<std::string, std::map<std::string, std::string>> known;
  auto& names = known[file];
  if (names.empty())
    for (const auto& line : base::split(linux::try_read_file(file).value_or(""), '\n'))
      if (const auto words = base::split(line, ':'); words.size() > 2) names.emplace(words[2], words[0]);
  const auto found = names.find(std::to_string(number));
  return found == names.end() ? std::to_string(number) : found->second;
}

std::string terminal_text(unsigned number) {
  constexpr unsigned first_pts = 136, last_pts = 143, minors = 256;
  const unsigned kind = gnu_dev_major(number), which = gnu_dev_minor(number);
  if (kind >= first_pts && kind <= last_pts) return "pts/" + std::to_string((kind - first_pts) * minors + which);
  if (kind == 5 && which == 1) return "console";
  if (kind == 4) return "tty" + std::to_string(which);
  return "?";
}

constexpr std::int64_t minute = 60, hour = 60 * minute, day = 24 * hour;

std::string cpu_time_text(const ProcessInfo& p) {
  const auto seconds = static_cast<std::int64_t>(p.cpu_seconds);
  const std::string days = seconds >= day ? std::to_string(seconds / day) + "-" : "";
  return days + formatted("%02d:%02d:%02d", static_cast<int>(seconds % day / hour),
                          static_cast<int>(seconds % hour / minute), static_cast<int>(seconds % minute));
}

std::string age_text(const ProcessInfo& p) {
  const auto seconds = static_cast<std::int64_t>(p.age_seconds);
  auto rest = formatted("%02d:%02d", static_cast<int>(seconds % hour / minute), static_cast<int>(seconds % minute));
  if (seconds < hour) return rest;
  const auto hours = formatted("%02d:", static_cast<int>(seconds % day / hour));
  return (seconds < day ? "" : std::to_string(seconds / day) + "-") + hours + rest;
}

// The time of today, else the day, else the year.
std::string start_text(const ProcessInfo& p) {
  const std::time_t now = std::time(nullptr), start = now - static_cast<std::time_t>(p.age_seconds);
  std::tm today{}, then{};
  localtime_r(&now, &today);
  localtime_r(&start, &then);
  const char* form = then.tm_year != today.tm_year ? "%Y" : then.tm_yday != today.tm_yday ? "%b%d" : "%H:%M";
  std::array<char, 16> text{};
  std::strftime(text.data(), text.size(), form, &then);
  return text.data();
}

double cpu_percent(const ProcessInfo& p) { return p.age_seconds < 0.01 ? 0 : 100 * p.cpu_seconds / p.age_seconds; }

double memory_percent(const ProcessInfo& p) {
  return 100 * static_cast<double>(p.resident_bytes) / static_cast<double>(engine::memory_of_machine());
}

struct ProcessColumn {
  std::string_view names;  // of ps(1), with blanks between
  std::string_view heading;
  std::string (*text)(const ProcessInfo&);
};

constexpr std::int64_t kibibyte = 1024;
constexpr std::array known_columns = {
    ProcessColumn{"user euser uname", "USER", [](const ProcessInfo& p) { return name_of("/etc/passwd", p.uid); }},
    ProcessColumn{"group egroup", "GROUP", [](const ProcessInfo& p) { return name_of("/etc/group", p.gid); }},
    ProcessColumn{"uid euid", "UID", [](const ProcessInfo& p) { return std::to_string(p.uid); }},
    ProcessColumn{"gid egid", "GID", [](const ProcessInfo& p) { return std::to_string(p.gid); }},
    ProcessColumn{"pid hpid", "PID", [](const ProcessInfo& p) { return std::to_string(p.pid); }},
    ProcessColumn{"ppid", "PPID", [](const ProcessInfo& p) { return std::to_string(p.parent); }},
    ProcessColumn{"pgid pgrp", "PGID", [](const ProcessInfo& p) { return std::to_string(p.group); }},
    ProcessColumn{"sid sess session", "SID", [](const ProcessInfo& p) { return std::to_string(p.session); }},
    ProcessColumn{"c", "C", [](const ProcessInfo& p) { return formatted("%d", static_cast<int>(cpu_percent(p))); }},
    ProcessColumn{"%cpu pcpu", "%CPU", [](const ProcessInfo& p) { return formatted("%.1f", cpu_percent(p)); }},
    ProcessColumn{"%mem pmem", "%MEM", [](const ProcessInfo& p) { return formatted("%.1f", memory_percent(p)); }},
    ProcessColumn{"vsz vsize", "VSZ", [](const ProcessInfo& p) { return std::to_string(p.virtual_bytes / kibibyte); }},
    ProcessColumn{"rss rssize", "RSS",
                  [](const ProcessInfo& p) { return std::to_string(p.resident_bytes / kibibyte); }},
    ProcessColumn{"tty tt tname", "TTY", [](const ProcessInfo& p) { return terminal_text(p.terminal); }},
    ProcessColumn{"stat state s", "STAT", [](const ProcessInfo& p) { return std::string(1, p.state); }},
    ProcessColumn{"stime start start_time", "STIME", start_text},
    ProcessColumn{"etime elapsed", "ELAPSED", age_text},
    ProcessColumn{"time cputime", "TIME", cpu_time_text},
    ProcessColumn{"ni nice", "NI", [](const ProcessInfo& p) { return std::to_string(p.nice); }},
    ProcessColumn{"pri", "PRI", [](const ProcessInfo& p) { return std::to_string(p.priority); }},
    ProcessColumn{"nlwp thcount", "NLWP", [](const ProcessInfo& p) { return std::to_string(p.threads); }},
    ProcessColumn{"comm ucmd ucomm", "COMMAND", [](const ProcessInfo& p) { return p.name; }},
    ProcessColumn{"args cmd command", "CMD", [](const ProcessInfo& p) { return p.arguments; }},
};

const ProcessColumn& column_named(const std::string& wanted) {
  std::vector<std::string> all;
  for (const auto& column : known_columns)
    for (auto& name : base::split(column.names, ' ')) {
      if (name == wanted) return column;
      all.push_back(std::move(name));
    }
  throw base::Error("unknown column '" + base::escape_control(wanted) + "'" + base::did_you_mean(wanted, all))
      .with_exit_code(base::exit_usage)
      .with_hint("there are " + base::join(all, ", "));
}

void add_columns(const std::string& list, std::vector<Column>& columns) {
  for (const auto& name : base::split(list, ','))
    columns.push_back(
        {column_named(base::lower(base::trim(name))).heading, column_named(base::lower(base::trim(name))).heading});
}

std::vector<Column> columns_of(const std::string& list) {
  std::vector<Column> columns;
  add_columns(list, columns);
  return columns;
}

}  // namespace

std::vector<Column> process_columns(const std::vector<std::string>& words) {
  auto standard = columns_of("user,pid,ppid,c,stime,tty,time,cmd");
  standard.front().heading = "UID";  // what ps calls it in this form, though it shows names
  std::vector<Column> columns;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    const bool list_follows = word == "-o" || word == "-eo" || word == "-Ao" || word == "-axo" || word == "o";
    if (list_follows) {
      if (++i == words.size())
        throw base::Error("option " + word + " needs columns, such as pid,user,args").with_exit_code(base::exit_usage);
      add_columns(words[i], columns);
    } else if (word == "aux" || word == "-aux" || word == "u") {
      columns = columns_of("user,pid,%cpu,%mem,vsz,rss,tty,stat,stime,time,cmd");
    } else if (word == "-ef" || word == "-e" || word == "-f" || word == "-A" || word == "ef") {
      columns = standard;
    } else if (word.starts_with("-o") && word.size() > 2) {
      add_columns(word.substr(2), columns);
    } else if (word.starts_with('-')) {
      throw base::Error("unknown option '" + base::escape_control(word) + "'")
          .with_exit_code(base::exit_usage)
          .with_hint("of ps there are -ef, aux and -o COLUMN,…");
    } else {
      add_columns(word, columns);
    }
  }
  return columns.empty() ? standard : columns;
}

base::Json listed(const ProcessInfo& process, const std::vector<Column>& columns) {
  base::Json row = base::Json::object();
  for (const auto& column : columns) {
    const auto found = std::find_if(known_columns.begin(), known_columns.end(),
                                    [&](const auto& known) { return known.heading == column.key; });
    row.set(std::string(column.key), found->text(process));
  }
  return row;
}

}  // namespace conductor::cli
