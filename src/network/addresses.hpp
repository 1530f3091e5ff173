// Addresses of endpoints: a file each in ROOT/network/addresses, made exclusively, that names its holder.
#pragma once

#include "network/network.hpp"
#include "network/records.hpp"

#include <string>

namespace conductor::network {

// The next free address after the one given out last: one that was given up comes back only after all others.
linux::Ipv4 take_address(const Settings& settings, const Records& records, const std::string& id);
void give_back_address(const Records& records, linux::Ipv4 address);
// Those taken by an id whose record was never written. Reads every address: for recovery alone.
void give_back_addresses_of(const Records& records, const std::string& id);

}  // namespace conductor::network
