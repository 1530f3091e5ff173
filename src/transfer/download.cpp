#include "base/error.hpp"
#include "base/sha256.hpp"
#include "transfer/helper.hpp"
#include "transfer/transfer.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

namespace conductor::transfer {
namespace {

using base::Error;

struct Content {
  std::string digest;
  std::int64_t size = 0;
};

// Read anew after the process that wrote it has ended: what it says about its own bytes proves nothing.
Content content_of(int file) {
  constexpr std::size_t step = 256U << 10U;
  const auto buffer = std::make_unique<char[]>(step);
  base::Sha256 hash;
  Content content;
  for (;;) {
    const ssize_t n = pread(file, buffer.get(), step, content.size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw Error::from_errno("cannot read what was downloaded");
    if (n == 0) break;
    hash.update({buffer.get(), static_cast<std::size_t>(n)});
    content.size += n;
  }
  content.digest = "sha256:" + hash.hex();
  return content;
}

// An ETag as a header can carry it back; anything else is as good as none.
std::string safe_etag(const std::string& etag) {
  constexpr std::size_t longest = 1024;
  const bool plain = std::all_of(etag.begin(), etag.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  return plain && etag.size() <= longest ? etag : "";
}

}  // namespace

Download download(const DownloadRequest& request, int target, const Progress& progress,
                  const linux::Cancellation* cancellation) {
  struct stat found{};
  if (fstat(target, &found) != 0 || !S_ISREG(found.st_mode) || found.st_size != 0)
    throw Error("a download goes to an empty file");
  Order order{.mode = mode_download, .request = {}, .file = target};
  order.request.url = request.url;
  order.request.etag = safe_etag(request.etag);
  order.request.bytes = request.limit;
  const Report report = perform(order, progress, cancellation);

  Download result;
  result.not_modified = report.not_modified && !order.request.etag.empty();
  result.name = safe_name(report.name);
  result.etag = safe_etag(report.etag);
  result.modified = report.modified;
  if (result.not_modified) return result;
  const Content content = content_of(target);
  if (content.size > request.limit)
    throw Error("the download is larger than " + std::to_string(request.limit) + " bytes");
  result.digest = content.digest;
  result.size = content.size;
  return result;
}

}  // namespace conductor::transfer
