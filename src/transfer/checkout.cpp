#include "base/error.hpp"
#include "base/text.hpp"
#include "linux/fd.hpp"
#include "transfer/helper.hpp"
#include "transfer/transfer.hpp"

#include <fcntl.h>

namespace conductor::transfer {
namespace {

bool is_commit(const std::string& text) {
  constexpr std::size_t sha1 = 40;
  constexpr std::size_t sha256 = 64;
  return (text.size() == sha1 || text.size() == sha256) &&
         text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

std::string checkout(const GitSource& source, const std::string& directory, const std::string& ssh_socket,
                     const linux::Cancellation* cancellation) {
  if (source.url.empty() || source.url.starts_with('-') || source.ref.starts_with('-'))
    throw base::Error("no git repository: " + base::escape_control(source.url));
  const linux::Fd target = linux::open_file(directory, O_RDONLY | O_DIRECTORY);
  Order order{.mode = mode_checkout, .request = {}, .file = -1, .directory = target.get()};
  order.request.url = source.url;
  order.request.ref = source.ref;
  order.request.subdir = source.subdir;
  order.request.checksum = base::lower(source.checksum);
  order.request.ssh_socket = ssh_socket;
  order.request.submodules = source.submodules;
  order.request.keep_git = source.keep_git;
  order.request.local = source.url.starts_with('/');
  const Report report = perform(order, {}, cancellation);
  if (!is_commit(report.commit)) throw base::Error("git names no commit");
  return report.commit;
}

}  // namespace conductor::transfer
