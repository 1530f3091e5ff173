// Whether this host can forward IPv6 for endpoints without becoming a router for everybody.
#pragma once

namespace conductor::network {

// Forwarding can be switched on for single interfaces (force_forwarding, Linux 6.17), or it is on for all anyway.
bool can_forward_ipv6();

}  // namespace conductor::network
