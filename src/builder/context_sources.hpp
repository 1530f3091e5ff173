// Where the files of a build come from: a directory of this machine as it is; or one that is made for this build from
// an archive, a download or a git repository, and is gone after it. An image is named only; who asks looks it up.
#pragma once

#include "builder/events.hpp"
#include "linux/cancellation.hpp"
#include "linux/root_fd.hpp"
#include "store/locations.hpp"
#include "store/records.hpp"

#include <memory>
#include <optional>
#include <string>
#include <variant>

namespace conductor::builder {

// What fetching needs; everything has a default that does for a local directory.
struct Fetching {
  std::optional<store::Locations> locations;  // whose temporary() is used; none: those of the environment
  const linux::Cancellation* cancellation = nullptr;
  Listener listener;       // notes, and progress in bytes, of vertex 0
  std::string ssh_socket;  // of an agent, for git by ssh; empty: SSH_AUTH_SOCK
};

struct SourceTree {
  std::string path;                             // absolute, without links
  std::shared_ptr<store::TemporaryTree> owner;  // of a tree made for this build; it goes with the last of its owners
  linux::RootFd root;                           // nothing is read but through it
  std::string identity;  // the same for the same source at another time: the path, or the URL and what it gave
  std::string resolved;  // "sha256:…" of a download, the commit of a repository: for conductor.lock; else empty
  std::string url;       // what `resolved` belongs to
};
struct SourceImage {
  std::string reference;
};
using Source = std::variant<SourceTree, SourceImage>;

// --build-context NAME=WHERE: a directory, an http(s) URL of an archive (or of one file), a git URL,
// docker-image://REFERENCE. Throws base::Error for what is not there, and for oci-layout:// which we do not read.
Source open_source(const std::string& where, const Fetching& fetching = {});

// --- parts, for the context itself -------------------------------------------------------------------------------

bool is_local_directory(const std::string& where);
SourceTree open_directory(const std::string& path);
SourceTree empty_tree(const Fetching& fetching);
bool is_http_url(const std::string& where);
bool is_remote(const std::string& where);  // an http(s) or git URL that is not the name of a directory

// A tree, or the text of a file that is no archive.
struct TextSource {
  std::string name;  // for messages
  std::string text;
};
using TreeOrText = std::variant<SourceTree, TextSource>;
// What the URL gives: a repository's tree, an archive's, or a text of at most `limit` bytes.
TreeOrText fetch(const std::string& url, std::size_t limit, const Fetching& fetching);
// Standard input to its end: an archive's tree or a text.
TreeOrText read_input(int input, std::size_t limit, const Fetching& fetching);

}  // namespace conductor::builder
