#include "base/error.hpp"
#include "linux/packet_guard.hpp"

#include <linux/xfrm.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

namespace conductor::linux {

void exempt_from_packet_guard(int socket, bool v6) {
  xfrm_userpolicy_info policy{};
  policy.sel.family = v6 ? AF_INET6 : AF_INET;
  policy.dir = XFRM_POLICY_IN;
  policy.action = XFRM_POLICY_ALLOW;
  policy.lft.soft_byte_limit = policy.lft.hard_byte_limit = XFRM_INF;
  policy.lft.soft_packet_limit = policy.lft.hard_packet_limit = XFRM_INF;
  const int result = v6 ? ::setsockopt(socket, IPPROTO_IPV6, IPV6_XFRM_POLICY, &policy, sizeof policy)
                        : ::setsockopt(socket, IPPROTO_IP, IP_XFRM_POLICY, &policy, sizeof policy);
  // Without transformation in the kernel there is no guard either.
  if (result != 0 && errno != ENOPROTOOPT && errno != EOPNOTSUPP)
    throw base::Error::from_errno("taking a socket out of the packet guard");
}

}  // namespace conductor::linux
