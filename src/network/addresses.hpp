// Addresses of endpoints: a file each in ROOT/network/addresses, made exclusively, that names its holder.
#pragma once

#include "network/network.hpp"
#include "network/records.hpp"

#include <string>
#include <vector>

namespace conductor::network {

// The next free address of the instance's range after the one given out last: one that was given up comes back only
// after all others.
linux::Ipv4 take_address(const Settings& settings, const Records& records, const std::string& id);

// Addresses in the subnets of the networks it is in: the one asked for, else the one it has of that subnet
// (`endpoint.addresses`), else the first that is free. All or none are taken; those it has stay taken until they are
// given back. Throws Error naming the holder of one that is taken, and for one outside of the network's subnets.
std::vector<std::string> take_network_addresses(const Settings& settings, const Records& records,
                                                const Endpoint& endpoint);

void give_back_address(const Records& records, const linux::IpAddress& address);
// Those of `addresses` that are not among `kept`.
void give_back_addresses(const Records& records, const std::vector<std::string>& addresses,
                         const std::vector<std::string>& kept = {});
// Those taken by an id and not among `kept`: no record says so. Reads every address: for recovery alone.
void give_back_addresses_of(const Records& records, const std::string& id, const std::vector<std::string>& kept = {});

}  // namespace conductor::network
