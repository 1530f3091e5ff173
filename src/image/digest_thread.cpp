#include "image/digest_thread.hpp"

namespace conductor::image {

DigestThread::~DigestThread() { end(); }

void DigestThread::take(std::string_view bytes) {
  free_.acquire();
  if (bytes.empty() || first_) {
    first_ = false;
    digest_.update(bytes);
    free_.release();
    return;
  }
  bytes_ = bytes;
  if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
  given_.release();
}

void DigestThread::work() {
  for (;;) {
    given_.acquire();
    if (bytes_.empty()) return;
    digest_.update(bytes_);
    free_.release();
  }
}

void DigestThread::end() {
  if (!thread_.joinable()) return;
  free_.acquire();
  bytes_ = {};
  given_.release();
  thread_.join();
}

std::string DigestThread::finish() {
  end();
  return digest_.hex();
}

}  // namespace conductor::image
