// conductor.lock: what a build stood on, so that a later one can insist on the same.
#pragma once

#include "base/fields.hpp"
#include "image/image.hpp"

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace conductor::builder {

struct LockedImage {
  std::string id;
  // Of dpkg's status file, when the image has one: "NAME VERSION ARCHITECTURE", sorted; and the SHA-256 of these lines.
  std::string package_digest;
  std::vector<std::string> packages;
};
template <base::Is<LockedImage> S, class V>
void fields(S& s, V&& v) {
  v("id", s.id), v("package_digest", s.package_digest), v("packages", s.packages);
}

struct LockFile {
  std::map<std::string, LockedImage> images;     // by the word of FROM or --from
  std::map<std::string, std::string> downloads;  // URL → "sha256:…", or the commit of a git source
};
template <base::Is<LockFile> S, class V>
void fields(S& s, V&& v) {
  v("images", s.images), v("downloads", s.downloads);
}

// The packages of a dpkg status file, as LockedImage has them. Pure.
std::vector<std::string> installed_packages(std::string_view status);

// What has moved, as one sentence that names it; nothing when it has not. A base that is bootstrapped from its
// distribution's archive is the same when its packages are, any other image when its id is. Pure.
std::optional<std::string> drift(const std::string& name, const LockedImage& before, const LockedImage& now,
                                 bool bootstrapped);

// Records what a build stands on, and refuses what differs from an earlier record. Safe for threads.
class Pins {
 public:
  // `path`: of conductor.lock. With `locked` it is read now: throws base::Error when it is missing or damaged.
  Pins(std::string path, bool record, bool locked);
  bool wanted() const { return record_ || locked_; }

  // Throw base::Error naming what differs from the record, or is not in it, when the build is locked.
  void saw_image(const std::string& name, const LockedImage& image, bool bootstrapped);
  void saw_download(const std::string& url, const std::string& digest);
  // Writes the record, whole or not at all; nothing when it is not to be recorded or says the same already.
  void write() const;

 private:
  std::string path_;
  bool record_, locked_;
  LockFile before_;
  mutable std::mutex mutex_;
  LockFile now_;
};

}  // namespace conductor::builder
