// Published ports: reserved by a file each in ROOT/network/ports (which names the holder) and by binding.
#pragma once

#include "network/network.hpp"
#include "network/records.hpp"

#include <string>
#include <vector>

namespace conductor::network {

// Checks that every entry can be meant, and that none takes a port of another; throws Error.
void validate_ports(const std::vector<Publish>& publish);

// Takes the ports for that id and returns the entries with chosen host ports filled in. Throws Error naming the holder
// of one that is taken; then none is. Ports the id holds already stay its own. The caller has written a record of the
// id before: files of ids without one are taken over.
std::vector<Publish> take_ports(const Settings& settings, const Records& records, const std::string& id,
                                std::vector<Publish> publish);
// Takes nothing; throws as take_ports does.
void require_free_ports(const Settings& settings, const Records& records, const std::vector<Publish>& publish);
void give_back_ports(const Records& records, const std::string& id, const std::vector<Publish>& publish);

// Every one, also those that are in no record.
void give_back_ports_of(const Records& records, const std::string& id);

// Listening (UDP: bound) sockets: on loopback for a port that is on all addresses, else on its own address, which keeps
// other programs from taking it. They serve this host alone, whatever becomes of the table: what comes from elsewhere
// to an address of the host finds no socket. Raises this process's limit of descriptors where they would not fit.
std::vector<PortListener> open_listeners(const Settings& settings, const std::vector<Publish>& publish);
// What the same sockets are bound to.
struct ListenerAddress {
  Protocol protocol = Protocol::tcp;
  std::string address;
  int port = 0;
  auto operator<=>(const ListenerAddress&) const = default;
};
std::vector<ListenerAddress> listener_addresses(const Settings& settings, const std::vector<Publish>& publish);

}  // namespace conductor::network
