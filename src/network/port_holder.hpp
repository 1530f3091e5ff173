// Who holds a port of this host: the socket's inode from /proc/net, the process that has it open from /proc/PID/fd
// (proc(5)).
#pragma once

#include "network/network.hpp"

#include <string>

namespace conductor::network {

// "nginx (pid 812)", or "another program" when it cannot be found.
std::string port_holder(Protocol protocol, int port);

// The inodes in a text of the form of /proc/net/tcp that have `port` as local port, listening in case of TCP.
std::vector<std::string> socket_inodes(const std::string& table, Protocol protocol, int port);

}  // namespace conductor::network
