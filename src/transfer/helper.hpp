// The process conductor-transfer, as seen by who starts it.
#pragma once

#include "linux/cancellation.hpp"
#include "transfer/protocol.hpp"
#include "transfer/transfer.hpp"

#include <string>

namespace conductor::transfer {

// CONDUCTOR_TRANSFER, beside the running program, or in ../libexec/conductor. Throws Error when it is nowhere.
std::string transfer_program();

struct Order {
  const char* mode;
  Request request;
  int file = -1;  // -1: the null device
  int directory = -1;
};
// Starts one, hands it the order and waits for its last report; nothing of it runs any more on return, nor when this
// throws: base::Error with its sentence, that it ended without a word, or "interrupted". Safe with threads.
Report perform(const Order& order, const Progress& progress, const linux::Cancellation* cancellation);

// One component of a path that may be shown and made: no '/', no control character, not "." or "..", at most 255 bytes.
// Empty when nothing is left.
std::string safe_name(const std::string& name);

}  // namespace conductor::transfer
