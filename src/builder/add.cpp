#include "builder/add.hpp"

#include "base/error.hpp"
#include "base/fields.hpp"
#include "base/log.hpp"
#include "base/sha256.hpp"
#include "base/text.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

namespace conductor::builder {

using base::Error;

// What an earlier download of a URL gave.
struct DownloadRecord {
  std::string url, etag, digest;
};
template <base::Is<DownloadRecord> S, class V>
void fields(S& s, V&& v) {
  v("url", s.url), v("etag", s.etag), v("digest", s.digest);
}

namespace {

constexpr const char* body = "body";  // name of a download in its temporary tree
constexpr std::string_view sha256_prefix = "sha256:";

bool is_hex(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}
bool is_commit(std::string_view text) { return is_hex(text) && (text.size() == 40 || text.size() == 64); }

bool is_http(const std::string& source) { return source.starts_with("http://") || source.starts_with("https://"); }

// "user@host:path", which scp(1) and git take for a place on another machine.
bool is_scp_form(const std::string& source) {
  const auto at = source.find('@'), colon = source.find(':');
  return at != std::string::npos && colon != std::string::npos && at < colon && source.find('/') > colon;
}

void check_digest(const std::string& checksum) {
  const bool known = checksum.starts_with(sha256_prefix);
  const auto digits = std::string_view(checksum).substr(known ? sha256_prefix.size() : 0);
  if (!known || digits.size() != 64 || !is_hex(digits))
    throw Error("--checksum=" + base::escape_control(checksum) + " is not the checksum of a file")
        .with_hint("sha256: and 64 hex digits in lower case");
}

}  // namespace

bool is_remote_source(const std::string& source) {
  if (is_http(source)) return true;
  const bool elsewhere = source.find("://") != std::string::npos || is_scp_form(source);
  return elsewhere && transfer::parse_git_source(source).has_value();
}

RemoteSource::RemoteSource(const Outside& outside, const std::string& source, const std::string& checksum,
                           std::optional<bool> keep_git)
    : outside_(outside), source_(source), checksum_(checksum), git_(transfer::parse_git_source(source)) {
  if (!git_) {
    if (!checksum_.empty()) check_digest(checksum_);
    return;
  }
  if (!checksum_.empty() && !git_->checksum.empty() && checksum_ != git_->checksum)
    throw Error("--checksum=" + base::escape_control(checksum_) + " contradicts " + base::escape_control(source_));
  if (checksum_.empty()) checksum_ = git_->checksum;
  if (!checksum_.empty() && !is_hex(checksum_))
    throw Error("--checksum=" + base::escape_control(checksum_) + " is no commit");
  git_->checksum = checksum_;
  if (keep_git && git_->keep_git && !*keep_git)
    throw Error("--keep-git-dir=false contradicts " + base::escape_control(source_));
  git_->keep_git = git_->keep_git || keep_git.value_or(false);
}

std::string RemoteSource::name() const {
  if (git_) return {};
  const std::string address = source_.substr(0, source_.find_first_of("?#"));
  const auto path = address.find('/', address.find("://") + 3);
  if (path == std::string::npos) return {};
  std::string name = address.substr(path);
  while (name.ends_with('/')) name.pop_back();
  name = name.substr(name.rfind('/') + 1);
  return name == "." || name == ".." ? "" : name;
}

const std::string& RemoteSource::identity() {
  if (!identity_.empty()) return identity_;
  if (git_ && is_commit(checksum_)) return identity_ = checksum_;
  if (git_ && is_commit(git_->ref)) {
    verify(git_->ref);
    return identity_ = git_->ref;
  }
  if (!git_ && !checksum_.empty()) return identity_ = checksum_;
  if (git_)
    check_out();
  else
    download(outside_.cached);
  return identity_;
}

void RemoteSource::fetch() {
  if (root_) return;
  if (git_)
    check_out();
  else
    download(false);
}

void RemoteSource::verify(const std::string& found) const {
  if (checksum_.empty() || (git_ ? found.starts_with(checksum_) : found == checksum_)) return;
  throw Error(base::escape_control(source_) + " is " + found + ", not " + checksum_ + " as --checksum says");
}

std::string RemoteSource::record_path() const {
  return outside_.locations.root + "/downloads/" + base::sha256_hex(source_).substr(0, 32);
}

// Remembered is what the next build can ask the server about; to lose it costs a download.
void RemoteSource::download(bool conditional) {
  transfer::DownloadRequest request;
  request.url = source_;
  std::optional<DownloadRecord> known;
  try {
    if (conditional) known = store::read_record<DownloadRecord>(record_path());
  } catch (const store::DamagedRecord& e) {
    base::log(base::LogLevel::debug, e.what());
  }
  if (known && known->url == source_) request.etag = known->etag;

  auto tree = std::make_unique<store::TemporaryTree>(outside_.locations.temporary());
  linux::RootFd root = linux::RootFd::open(tree->path());
  const linux::Fd file = root.open(body, O_RDWR | O_CREAT | O_EXCL, 0600);
  const auto progress = [&](std::int64_t current, std::int64_t total) {
    if (outside_.progress) outside_.progress(source_, current, total);
  };
  const auto got = outside_.download ? outside_.download(request, file.get())
                                     : transfer::download(request, file.get(), progress, outside_.cancellation);
  if (got.not_modified) {
    if (!known || request.etag.empty()) throw Error("the server sends nothing, though nothing is known of the file");
    identity_ = known->digest;
    return;
  }
  verify(got.digest);
  const timespec time{got.modified.value_or(0), 0};
  const timespec times[2] = {time, time};
  if (futimens(file.get(), times) != 0) throw Error::from_errno("cannot set the time of a download");
  identity_ = got.digest;
  tree_ = std::move(tree);
  root_.emplace(std::move(root));
  if (got.etag.empty()) return;
  store::make_directory(outside_.locations.root + "/downloads");
  store::write_record(record_path(), DownloadRecord{source_, got.etag, got.digest}, false);
}

void RemoteSource::check_out() {
  auto tree = std::make_unique<store::TemporaryTree>(outside_.locations.temporary());
  const std::string commit = outside_.checkout
                                 ? outside_.checkout(*git_, tree->path())
                                 : transfer::checkout(*git_, tree->path(), outside_.ssh_socket, outside_.cancellation);
  verify(commit);
  identity_ = commit;
  root_.emplace(linux::RootFd::open(tree->path()));
  tree_ = std::move(tree);
}

Selected RemoteSource::file() const {
  InputFile file;
  file.path = body;
  file.target = name();
  const auto status = root_->status(body);
  if (!status) throw Error("a download is gone");
  file.status = *status;
  file.status.st_mode = S_IFREG | 0600;
  return {false, {file}};
}

}  // namespace conductor::builder
