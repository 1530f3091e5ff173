#include "linux/netlink_counters.hpp"

#include "linux/netlink_messages.hpp"

#include <linux/if_link.h>

#include <cstring>

namespace conductor::linux {

std::map<std::string, LinkCounters> link_counters() {
  NetlinkSocket socket(NETLINK_ROUTE);
  RequestBuilder request(RTM_GETLINK, NLM_F_DUMP);
  request.extra<ifinfomsg>().ifi_family = AF_UNSPEC;
  std::map<std::string, LinkCounters> all;
  socket.ask(request.get(), [&](const nlmsghdr* message) {
    std::string name;
    rtnl_link_stats64 counted{};
    each_attribute(message, sizeof(ifinfomsg), [&](int type, const nlattr* a) {
      if (type == IFLA_IFNAME) name = mnl_attr_get_str(a);
      if (type == IFLA_STATS64 && mnl_attr_get_payload_len(a) >= offsetof(rtnl_link_stats64, rx_errors))
        std::memcpy(&counted, mnl_attr_get_payload(a), offsetof(rtnl_link_stats64, rx_errors));
    });
    all[name] = {static_cast<std::int64_t>(counted.rx_bytes), static_cast<std::int64_t>(counted.tx_bytes)};
  });
  return all;
}

}  // namespace conductor::linux
