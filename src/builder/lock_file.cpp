#include "builder/lock_file.hpp"

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "store/records.hpp"

#include <sys/stat.h>

#include <algorithm>

namespace conductor::builder {
namespace {

using base::Error;

constexpr std::size_t file_limit = 16U << 20U;

Error moved(const std::string& sentence) {
  return Error("the build differs from conductor.lock: " + sentence)
      .with_hint("write the file anew with --lock when that is wanted");
}

// "libc6:amd64" → "2.36-9".
std::map<std::string, std::string> versions_of(const std::vector<std::string>& packages) {
  std::map<std::string, std::string> versions;
  for (const auto& package : packages) {
    const auto words = base::split(package, ' ');
    if (words.size() == 3) versions[words[0] + ":" + words[2]] = words[1];
  }
  return versions;
}

std::string list_changes(const std::vector<std::string>& before, const std::vector<std::string>& now) {
  constexpr std::size_t most = 5;
  const auto old_versions = versions_of(before), new_versions = versions_of(now);
  std::vector<std::string> changes;
  for (const auto& [name, version] : old_versions) {
    const auto found = new_versions.find(name);
    if (found == new_versions.end())
      changes.push_back(name + " is gone");
    else if (found->second != version)
      changes.push_back(name + " was " + version + " and is " + found->second);
  }
  for (const auto& [name, version] : new_versions)
    if (!old_versions.contains(name)) changes.push_back(name + " " + version + " is new");
  const std::size_t more = changes.size() > most ? changes.size() - most : 0;
  changes.resize(changes.size() - more);
  return base::join(changes, ", ") + (more > 0 ? " and " + std::to_string(more) + " more" : "");
}

}  // namespace

// Paragraphs of "Field: value" lines with an empty line between them (deb-control(5)).
std::vector<std::string> installed_packages(std::string_view status) {
  std::vector<std::string> packages;
  std::map<std::string_view, std::string_view> paragraph;
  const auto finish = [&] {
    if (paragraph["Status"].ends_with(" installed"))
      packages.push_back(std::string(paragraph["Package"]) + " " + std::string(paragraph["Version"]) + " " +
                         std::string(paragraph["Architecture"]));
    paragraph.clear();
  };
  while (!status.empty()) {
    const auto end = std::min(status.find('\n'), status.size());
    const std::string_view line = status.substr(0, end);
    status.remove_prefix(std::min(end + 1, status.size()));
    const auto colon = line.find(": ");
    if (line.empty())
      finish();
    else if (line.front() != ' ' && colon != std::string_view::npos)
      paragraph.emplace(line.substr(0, colon), line.substr(colon + 2));
  }
  finish();
  std::sort(packages.begin(), packages.end());
  return packages;
}

std::optional<std::string> drift(const std::string& name, const LockedImage& before, const LockedImage& now,
                                 bool bootstrapped) {
  if (before.id == now.id) return std::nullopt;
  const bool same_packages = before.package_digest == now.package_digest && !now.package_digest.empty();
  if (bootstrapped && same_packages) return std::nullopt;
  if (!same_packages && !before.packages.empty() && !now.packages.empty())
    return name + " has other packages: " + list_changes(before.packages, now.packages);
  return name + " was image " + base::short_id(before.id) + " and is " + base::short_id(now.id);
}

Pins::Pins(std::string path, bool record, bool locked) : path_(std::move(path)), record_(record), locked_(locked) {
  if (!wanted()) return;
  if (path_.empty()) throw Error("there is no directory for conductor.lock: the Conductorfile is not a file here");
  const auto text = linux::try_read_file(path_, file_limit);
  if (!text && locked_)
    throw Error("there is no " + base::escape_control(path_)).with_hint("build once with --lock to write it");
  if (!text) return;
  try {
    const base::Context context("reading " + base::escape_control(path_));
    base::from_json(base::Json::parse(*text), before_);
  } catch (const Error&) {
    if (locked_) throw;  // one that is written anew may be as damaged as it likes
  }
}

void Pins::saw_image(const std::string& name, const LockedImage& image, bool bootstrapped) {
  const std::lock_guard lock(mutex_);
  now_.images[name] = image;
  if (!locked_) return;
  const auto before = before_.images.find(name);
  if (before == before_.images.end()) throw moved("the image " + base::escape_control(name) + " is not in it");
  if (const auto difference = drift(base::escape_control(name), before->second, image, bootstrapped))
    throw moved(*difference);
}

void Pins::saw_download(const std::string& url, const std::string& digest) {
  const std::lock_guard lock(mutex_);
  now_.downloads[url] = digest;
  if (!locked_) return;
  const auto before = before_.downloads.find(url);
  if (before == before_.downloads.end()) throw moved(base::escape_control(url) + " is not in it");
  if (before->second != digest)
    throw moved(base::escape_control(url) + " was " + base::escape_control(before->second) + " and is " + digest);
}

void Pins::write() const {
  if (!record_) return;
  const std::lock_guard lock(mutex_);
  base::Json json = base::Json::object();
  json.set("format", 1);
  const base::Json members = base::to_json(now_);
  for (const auto& [name, value] : *members.members()) json.set(name, value);
  const std::string text = json.dump(2) + "\n";
  if (linux::try_read_file(path_, file_limit) == text) return;
  store::write_file_atomically(path_, text);
  if (chmod(path_.c_str(), 0644) != 0) throw Error::from_errno("cannot set the mode of " + path_);
}

}  // namespace conductor::builder
