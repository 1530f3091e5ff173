// What conductor and conductor-transfer say to each other: one request, then reports until one of them is the last.
// Everything in a report comes from a process that handles hostile bytes, so the reader believes none of it.
#pragma once

#include "base/fields.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace conductor::transfer {

// The only argument of the program. Its descriptors: 0 to 2 are the null device, the others are below.
inline constexpr const char* mode_download = "download";
inline constexpr const char* mode_unpack = "unpack";
inline constexpr const char* mode_probe = "probe";        // is it an archive? the answer is `archive`
inline constexpr const char* mode_checkout = "checkout";  // of a git repository

inline constexpr int control_descriptor = 3;
inline constexpr int file_descriptor = 4;       // download: written; unpack, probe: the archive; checkout: none
inline constexpr int directory_descriptor = 5;  // unpack, checkout

struct Request {
  std::string url, etag;  // download; checkout
  std::int64_t bytes = 0, entries = 0;
  std::string ref, subdir, checksum, ssh_socket;  // checkout
  bool submodules = true, keep_git = false, local = false;
};
template <base::Is<Request> S, class V>
void fields(S& s, V&& v) {
  v("url", s.url), v("etag", s.etag), v("bytes", s.bytes), v("entries", s.entries);
  v("ref", s.ref), v("subdir", s.subdir), v("checksum", s.checksum), v("ssh_socket", s.ssh_socket);
  v("submodules", s.submodules), v("keep_git", s.keep_git), v("local", s.local);
}

enum class ReportKind { progress, done, failed };

struct Report {
  ReportKind kind = ReportKind::progress;
  std::int64_t current = 0, total = 0;  // progress, in bytes
  std::string sentence, hint;           // failed
  // done: download
  bool not_modified = false;
  std::string name, etag;
  std::optional<std::int64_t> modified;
  // done: unpack, probe
  std::int64_t entries = 0, bytes = 0;
  bool archive = false;
  // done: checkout
  std::string commit;
};
template <base::Is<Report> S, class V>
void fields(S& s, V&& v) {
  v("kind", s.kind), v("current", s.current), v("total", s.total), v("sentence", s.sentence), v("hint", s.hint);
  v("not_modified", s.not_modified), v("name", s.name), v("etag", s.etag), v("modified", s.modified);
  v("entries", s.entries), v("bytes", s.bytes), v("archive", s.archive), v("commit", s.commit);
}

}  // namespace conductor::transfer
