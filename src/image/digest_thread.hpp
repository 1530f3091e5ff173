// A SHA-256 computed beside the thread that reads what is hashed.
#pragma once

#include "base/sha256.hpp"

#include <semaphore>
#include <string>
#include <string_view>
#include <thread>

namespace conductor::image {

class DigestThread {
 public:
  DigestThread() = default;
  ~DigestThread();
  DigestThread(const DigestThread&) = delete;
  DigestThread& operator=(const DigestThread&) = delete;

  // Returns when the bytes of the call before are hashed; these must stay as they are until then.
  void take(std::string_view bytes);
  std::string finish();  // 64 hex digits; the object is done afterwards

 private:
  void work();
  void end();

  base::Sha256 digest_;
  std::string_view bytes_;  // given and not yet hashed; empty: the end
  std::binary_semaphore free_{1}, given_{0};
  std::thread thread_;  // from the second call on: little needs no thread
  bool first_ = true;
};

}  // namespace conductor::image
