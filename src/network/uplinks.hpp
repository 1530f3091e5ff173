// The host's interfaces to the outside: the one place where something that is not ours is changed, and put back.
//
// What comes back from the internet and what goes to published ports arrives on an uplink and has to be forwarded, so
// each gets forwarding=1 and src_valid_mark=1 (/proc/sys/net/ipv4/conf/UPLINK/). Where forwarding was off, a policy
// rule "from all iif UPLINK prohibit" behind everybody's rules keeps the host from becoming a router for all others.
#pragma once

#include "base/fields.hpp"
#include "linux/netlink.hpp"
#include "network/network.hpp"

#include <string>
#include <vector>

namespace conductor::network {

// An uplink as it was before we came.
struct UplinkBefore {
  std::string interface;
  int forwarding = 0;
  int src_valid_mark = 0;
};
template <base::Is<UplinkBefore> S, class V>
void fields(S& s, V&& v) {
  v("interface", s.interface), v("forwarding", s.forwarding), v("src_valid_mark", s.src_valid_mark);
}

class Uplinks {
 public:
  // `state` is STATE/network; uplinks.json there remembers what was.
  Uplinks(const Settings& settings, std::string state);

  bool ready(const std::vector<linux::PolicyRule>& rules) const;
  void prepare();  // idempotent
  void restore();  // as before; another instance that still needs an uplink keeps it

 private:
  std::vector<UplinkBefore> remembered() const;
  bool needs_guard(const UplinkBefore& uplink) const;
  linux::PolicyRule guard(const std::string& interface) const;

  const Settings& settings_;
  std::string state_;
};

// The smallest MTU of the uplinks; 1500 without any.
int uplink_mtu();

}  // namespace conductor::network
