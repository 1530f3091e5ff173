// Transactions of nf_tables over netlink, and what is asked of it.
#pragma once

#include "linux/fd.hpp"

#include <libmnl/libmnl.h>
#include <libnftnl/common.h>

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

namespace conductor::linux {

std::uint16_t nft_family_number(const std::string& family);  // "inet", "ip" …; throws Error

// The one socket of this process in the network namespace at hand. Closing one after a removal waits for an RCU grace
// period (10 to 40 ms), so it is done once, at the end, and in the background.
class NftConnection {
 public:
  // Held for one exchange.
  NftConnection();
  const Fd& socket() const;
  void note_removal();

 private:
  std::lock_guard<std::mutex> guard_;
};

// Messages one after the other, sent as one transaction.
class NftBatch {
 public:
  NftBatch();

  // `fill` adds the payload to the message; `flags` are NLM_F_* besides NLM_F_REQUEST and NLM_F_ACK.
  template <class Fill>
  void add(std::uint16_t type, std::uint16_t family, std::uint16_t flags, Fill&& fill) {
    nlmsghdr* message =
        nftnl_nlmsg_build_hdr(buffer_.data(), type, family, static_cast<std::uint16_t>(flags | NLM_F_ACK), sequence_++);
    fill(message);
    append(message);
  }
  // Returns 0 or the first errno; nothing has changed then.
  int commit();

 private:
  void append(const nlmsghdr* message);

  std::vector<char> buffer_;
  std::string bytes_;
  bool removes_ = false;
  std::uint32_t sequence_ = 1;
};

}  // namespace conductor::linux
