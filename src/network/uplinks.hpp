// The host's interfaces to the outside: the one place where something that is not ours is changed, and put back.
//
// What comes back from the internet and what goes to published ports arrives on an uplink and has to be forwarded, so
// each gets forwarding=1 and src_valid_mark=1 (/proc/sys/net/ipv4/conf/UPLINK/) and force_forwarding=1
// (/proc/sys/net/ipv6/conf/UPLINK/), a family each where the uplink has its default route. Where forwarding was off, a
// policy rule "from all iif UPLINK prohibit" behind everybody's rules keeps the host from becoming a router for all
// others.
#pragma once

#include "base/fields.hpp"
#include "linux/netlink.hpp"
#include "network/network.hpp"

#include <string>
#include <vector>

namespace conductor::network {

// An uplink of one family as it was before we came.
struct UplinkBefore {
  std::string interface;
  bool v6 = false;
  int forwarding = 0;      // IPv6: force_forwarding
  int src_valid_mark = 0;  // IPv4 alone
};
template <base::Is<UplinkBefore> S, class V>
void fields(S& s, V&& v) {
  v("interface", s.interface), v("v6", s.v6), v("forwarding", s.forwarding), v("src_valid_mark", s.src_valid_mark);
}

// An interface with a default route of that family.
struct Uplink {
  std::string interface;
  bool v6 = false;
  auto operator<=>(const Uplink&) const = default;
};

class Uplinks {
 public:
  // `state` is STATE/network; uplinks.json there remembers what was.
  Uplinks(const Settings& settings, std::string state);

  // All of it is as prepare leaves it; `rules` are the kernel's.
  bool ready(const std::vector<linux::PolicyRule>& rules) const;
  void prepare();  // idempotent
  void restore();  // as before; another instance that still needs an uplink keeps it

 private:
  std::vector<UplinkBefore> remembered() const;
  bool needs_guard(const UplinkBefore& uplink) const;
  linux::PolicyRule guard(const UplinkBefore& uplink) const;
  std::vector<Uplink> present() const;

  const Settings& settings_;
  std::string state_;
};

// Of both families, each once.
std::vector<Uplink> uplinks();
// The smallest MTU of the uplinks; 1500 without any.
int uplink_mtu();

}  // namespace conductor::network
