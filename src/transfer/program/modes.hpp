// What the program does, one function a mode. Each takes its request from the control socket, gives up what it does not
// need, and answers what the last report shall say; a base::Error becomes the report of a failure.
#pragma once

#include "transfer/protocol.hpp"

#include <cstdint>
#include <optional>

namespace conductor::transfer::program {

Report download(const Request& request);
Report unpack(const Request& request);
Report probe(const Request& request);
// Ends the program when the control socket does; then nothing of what it started runs any more. Nothing: the child of
// its own that does the work has reported already.
std::optional<Report> checkout(const Request& request);

void send(const Report& report);  // ends the program when nobody reads it any more
// Sends progress, but not more often than ten times a second.
void tell_progress(std::int64_t current, std::int64_t total);

}  // namespace conductor::transfer::program
