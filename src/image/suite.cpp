#include "image/suite.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "linux/fd.hpp"
#include "store/records.hpp"

#include <unistd.h>

#include <algorithm>

namespace conductor::image {
namespace {

using base::Error;

bool is_suite_name(std::string_view name) {
  return !name.empty() &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.'; }) &&
         name.front() != '-' && name.front() != '.';
}

// "/usr/share/keyrings/debian-archive-keyring.gpg" → "debian".
std::string distribution_of_keyring(std::string_view keyring) {
  const auto name = keyring.substr(keyring.rfind('/') + 1);
  return std::string(name.substr(0, name.find('-')));
}

std::optional<std::string> script_of(const std::string& scripts, const std::string& suite) {
  return linux::try_read_file(scripts + "/" + suite);
}

// VERSION_CODENAME of this host when it runs that distribution.
std::optional<std::string> host_suite(const std::string& distribution) {
  std::string id;
  std::string codename;
  for (const auto& line : base::split(linux::try_read_file("/etc/os-release").value_or(""), '\n')) {
    const auto equals = line.find('=');
    if (equals == std::string::npos) continue;
    std::string value = line.substr(equals + 1);
    std::erase(value, '"');
    if (line.starts_with("ID=")) id = value;
    if (line.starts_with("VERSION_CODENAME=")) codename = value;
  }
  if (id == distribution && !codename.empty()) return codename;
  return std::nullopt;
}

}  // namespace

std::string keyring_of_script(std::string_view script) {
  for (const auto& line : base::split(script, '\n')) {
    const auto text = base::trim(line);
    if (constexpr std::string_view word = "keyring "; text.starts_with(word))
      return std::string(base::trim(text.substr(word.size())));
  }
  return {};
}

std::vector<std::string> known_suites(const std::string& distribution, const std::string& scripts) {
  std::vector<std::string> suites;
  for (const auto& name : store::list_directory(scripts)) {
    const auto script = is_suite_name(name) ? script_of(scripts, name) : std::nullopt;
    if (script && distribution_of_keyring(keyring_of_script(*script)) == distribution) suites.push_back(name);
  }
  return suites;
}

std::string require_suite(const Suite& suite, const std::string& scripts) {
  const std::string name = suite.distribution + ":" + suite.name;
  const auto script = is_suite_name(suite.name) ? script_of(scripts, suite.name) : std::nullopt;
  const std::string keyring = script ? keyring_of_script(*script) : "";
  if (distribution_of_keyring(keyring) != suite.distribution)
    throw Error("no such image: " + base::escape_control(name) + ", and debootstrap knows no such suite of " +
                suite.distribution + base::did_you_mean(suite.name, known_suites(suite.distribution, scripts)))
        .with_hint("ls " + scripts + " shows the suites that this version of debootstrap knows");
  if (access(keyring.c_str(), R_OK) != 0)
    throw Error(name + " cannot be checked: " + keyring + " is missing")
        .with_hint("apt-get install " + (suite.distribution == "ubuntu" ? std::string("ubuntu-keyring")
                                                                        : suite.distribution + "-archive-keyring"));
  return keyring;
}

std::optional<std::string> suite_of_version(std::string_view table, std::string_view version) {
  // version,codename,series,created,release,…
  for (const auto& line : base::split(table, '\n')) {
    const auto columns = base::split(line, ',');
    if (columns.size() < 3) continue;
    if (columns[0].substr(0, columns[0].find(' ')) == version && !version.empty()) return columns[2];
  }
  return std::nullopt;
}

std::optional<Suite> suite_of(const Reference& reference) {
  if (reference.name != "debian" && reference.name != "ubuntu") return std::nullopt;
  const auto at = reference.tag.find('@');
  Suite suite{reference.name, reference.tag.substr(0, at), at == std::string::npos ? "" : reference.tag.substr(at + 1)};
  if (constexpr std::string_view slim = "-slim"; suite.name.ends_with(slim))
    suite.name.resize(suite.name.size() - slim.size());
  if (suite.name == "latest") {
    suite.name = host_suite(reference.name).value_or("stable");
  } else if (suite.name.front() >= '0' && suite.name.front() <= '9') {
    const auto table = linux::try_read_file("/usr/share/distro-info/" + reference.name + ".csv");
    suite.name = suite_of_version(table.value_or(""), suite.name).value_or(suite.name);
  }
  return suite;
}

}  // namespace conductor::image
