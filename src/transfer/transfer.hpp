// What comes from outside, handled by a process of few rights (the executable conductor-transfer): downloads and
// archives. The functions here start it, speak with it and wait for it; none of them parses a byte of what it handles.
#pragma once

#include "linux/cancellation.hpp"
#include "linux/fd.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace conductor::transfer {

// Bytes so far, and of how many (0: unknown).
using Progress = std::function<void(std::int64_t current, std::int64_t total)>;

struct DownloadRequest {
  std::string url;   // http or https; redirects are followed, to those two alone, and never with credentials
  std::string etag;  // of an earlier download: then `not_modified` may be answered
  std::int64_t limit = std::int64_t{32} << 30;  // bytes
};
struct Download {
  bool not_modified = false;
  std::string digest;  // "sha256:…" of what was written
  std::int64_t size = 0;
  std::string name;  // of the file, from Content-Disposition or the URL's path; one component; may be empty
  std::string etag;  // may be empty
  std::optional<std::int64_t> modified;  // Last-Modified, unix seconds
};
// Writes the body to `target`, an empty regular file. Proxies as in the environment (http_proxy …). Throws base::Error:
// what the server said, or what is wrong with name, connection or certificate.
Download download(const DownloadRequest& request, int target, const Progress& progress = {},
                  const linux::Cancellation* cancellation = nullptr);

// Whether a regular file begins like an archive we unpack (by content, not by name): tar, also compressed by gzip,
// bzip2, xz or zstd. Here the sum of the first header is compared, and the first bytes of a compressed file; whether
// such a file has an archive in it conductor-transfer finds out. The file's offset does not move.
bool is_archive(int file);

struct UnpackLimits {
  std::int64_t bytes = std::int64_t{32} << 30;
  std::int64_t entries = 2'000'000;
};
struct Unpacked {
  std::int64_t entries = 0, bytes = 0;
};
// Unpacks into an empty directory of ours, which nothing in the archive can leave: names are taken relative to it, `..`
// and links never lead out. Owners, modes, times, links, holes, PAX names and the attributes user.* and
// security.capability are kept; devices are made, sockets refused. `archive` is read from its offset and may be a pipe.
// Throws base::Error for what is no archive, is damaged or exceeds a limit; what is there then is incomplete.
Unpacked unpack(int archive, int directory, const UnpackLimits& limits = {}, const Progress& progress = {},
                const linux::Cancellation* cancellation = nullptr);

struct GitSource {
  std::string url;        // https://…, http://…, ssh://…, git@host:path, git://…, or a local path
  std::string ref;        // branch, tag, or commit; empty: the remote's HEAD
  std::string subdir;     // of the tree; empty: all of it
  std::string checksum;   // of the commit, or its beginning: anything else is refused; empty: none is asked for
  bool keep_git = false;  // leaves .git where it is; never together with `subdir`
  bool submodules = true;
  bool operator==(const GitSource&) const = default;
};
// "https://host/repo.git#ref:subdir", "git@host:repo", "git://…", "ssh://…", "https://github.com/user/repo" (other
// hosts need the ".git"), each also with ?ref=…&tag=…&branch=…&subdir=…&checksum=…&keep-git-dir=…&submodules=…; as a
// context also "github.com/user/repo", which elsewhere is a path. Nothing when the text is no git URL; throws
// base::Error for one with a query that makes no sense. Pure.
std::optional<GitSource> parse_git_source(const std::string& text, bool context = false);
// Fetches with the host's git(1), without hooks and configuration of this machine, and writes the tree into an empty
// directory; git cannot write anywhere else. `ssh_socket` is that of an agent, or empty. Returns the commit, 40 or 64
// hex digits. Throws base::Error: git is missing (with a hint), or what it says.
std::string checkout(const GitSource& source, const std::string& directory, const std::string& ssh_socket,
                     const linux::Cancellation* cancellation = nullptr);

}  // namespace conductor::transfer
