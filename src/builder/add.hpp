// What ADD takes from outside: files behind http(s) URLs, and git repositories.
#pragma once

#include "builder/selection.hpp"
#include "linux/cancellation.hpp"
#include "store/locations.hpp"
#include "store/records.hpp"
#include "transfer/transfer.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace conductor::builder {

// What a fetch needs to know of the build, and the outside itself: tests put something else there.
struct Outside {
  const store::Locations& locations;
  bool cached = true;  // use what earlier downloads are remembered by
  std::string ssh_socket;
  const linux::Cancellation* cancellation = nullptr;
  std::function<void(const std::string& what, std::int64_t current, std::int64_t total)> progress;

  using Downloader = std::function<transfer::Download(const transfer::DownloadRequest&, int target)>;
  using Checkout = std::function<std::string(const transfer::GitSource&, const std::string& directory)>;
  Downloader download;  // empty: transfer::download
  Checkout checkout;    // empty: transfer::checkout
};

// "http://…" or "https://…", or the name of a git repository that no local path can be meant by.
bool is_remote_source(const std::string& source);

// One remote source. Its identity, which tells its content and is part of the step's key, may be known without a
// byte being fetched; the files are there after fetch().
class RemoteSource {
 public:
  // `checksum` as --checksum, may be empty. Throws Error for one that is malformed and for a `keep_git` that
  // contradicts the URL.
  RemoteSource(const Outside& outside, const std::string& source, const std::string& checksum,
               std::optional<bool> keep_git);
  RemoteSource(RemoteSource&&) = default;

  bool git() const { return git_.has_value(); }
  const std::string& source() const { return source_; }
  // Name of the file, from the URL's path; empty for a URL without one and for a repository.
  std::string name() const;

  // "sha256:…" or the commit. Asks outside when neither --checksum nor the URL itself tells it; the server is told what
  // is remembered of it, and need not send what did not change.
  const std::string& identity();
  const std::string& known_identity() const { return identity_; }  // after identity()
  // Fetches what identity() did not. What comes may have changed since: then identity() is another one. Throws Error
  // when it is not what --checksum says.
  void fetch();

  // After fetch(): the root of the files, and of a download its file there, with mode 0600 and its time, 0 when the
  // server names none.
  const linux::RootFd& root() const { return *root_; }
  Selected file() const;

 private:
  void download(bool conditional);
  void check_out();
  void verify(const std::string& found) const;
  std::string record_path() const;

  const Outside& outside_;
  std::string source_, checksum_;
  std::optional<transfer::GitSource> git_;
  std::string identity_;
  std::unique_ptr<store::TemporaryTree> tree_;
  std::optional<linux::RootFd> root_;
};

}  // namespace conductor::builder
