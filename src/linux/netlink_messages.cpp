#include "linux/netlink_messages.hpp"

#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <sys/socket.h>

#include <cstring>

namespace conductor::linux {

namespace {

IpPrefix read_prefix(const nlattr* attribute, int length) { return prefix_of(read_address(attribute), length); }

}  // namespace

unsigned char family_of(bool v6) { return v6 ? AF_INET6 : AF_INET; }

IpAddress read_address(const nlattr* attribute) {
  IpAddress address;
  address.v6 = mnl_attr_get_payload_len(attribute) == sizeof(in6_addr);
  std::memcpy(address.bytes.data(), mnl_attr_get_payload(attribute), address.size());
  return address;
}

std::string kernel_words(const nlmsghdr* answer, const nlmsgerr* refusal) {
  if ((answer->nlmsg_flags & NLM_F_ACK_TLVS) == 0) return {};
  std::size_t fixed = sizeof(nlmsgerr);
  if ((answer->nlmsg_flags & NLM_F_CAPPED) == 0) fixed += MNL_ALIGN(refusal->msg.nlmsg_len) - sizeof(nlmsghdr);
  std::string words;
  each_attribute(answer, fixed, [&](int type, const nlattr* a) {
    if (type == NLMSGERR_ATTR_MSG) words = std::string(" (") + mnl_attr_get_str(a) + ")";
  });
  return words;
}

RequestBuilder route_message(int type, int flags, const Route& route) {
  RequestBuilder m(type, flags);
  auto& fixed = m.extra<rtmsg>();
  fixed.rtm_family = family_of(route.destination.v6);
  fixed.rtm_dst_len = static_cast<unsigned char>(route.prefix_length);
  fixed.rtm_table = RT_TABLE_UNSPEC;  // RTA_TABLE below has all 32 bits
  fixed.rtm_protocol = RTPROT_STATIC;
  fixed.rtm_type = RTN_UNICAST;
  fixed.rtm_scope = route.link_scope ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  if (type == RTM_DELROUTE) {  // whatever its scope, protocol and type
    fixed.rtm_scope = RT_SCOPE_NOWHERE;
    fixed.rtm_protocol = RTPROT_UNSPEC;
    fixed.rtm_type = RTN_UNSPEC;
  }
  if (route.gateway) fixed.rtm_flags = RTNH_F_ONLINK;
  m.u32(RTA_TABLE, route.table);
  if (route.prefix_length != 0) m.address(RTA_DST, route.destination);
  if (route.interface != 0) m.u32(RTA_OIF, static_cast<std::uint32_t>(route.interface));
  if (route.gateway) m.address(RTA_GATEWAY, *route.gateway);
  if (route.metric != 0) m.u32(RTA_PRIORITY, route.metric);
  if (route.source && type != RTM_DELROUTE) m.address(RTA_PREFSRC, *route.source);
  return m;
}

RequestBuilder rule_message(int type, int flags, const PolicyRule& rule) {
  RequestBuilder m(type, flags);
  auto& fixed = m.extra<fib_rule_hdr>();
  fixed.family = family_of(rule.v6);
  const bool looks_up = !rule.prohibit && rule.table != 0;
  fixed.action = rule.prohibit ? FR_ACT_PROHIBIT : looks_up ? FR_ACT_TO_TBL : FR_ACT_UNSPEC;  // any, when it is removed
  if (looks_up) m.u32(FRA_TABLE, rule.table);
  m.u32(FRA_PRIORITY, rule.priority);
  if (rule.input_interface) m.text(FRA_IIFNAME, *rule.input_interface);
  if (rule.mark_mask != 0) m.u32(FRA_FWMARK, rule.mark), m.u32(FRA_FWMASK, rule.mark_mask);
  if (rule.from) {
    fixed.src_len = static_cast<std::uint8_t>(rule.from->length);
    m.address(FRA_SRC, rule.from->address);
  }
  if (rule.to) {
    fixed.dst_len = static_cast<std::uint8_t>(rule.to->length);
    m.address(FRA_DST, rule.to->address);
  }
  return m;
}

InterfaceAddress read_interface_address(const nlmsghdr* message) {
  const auto* fixed = static_cast<const ifaddrmsg*>(mnl_nlmsg_get_payload(message));
  InterfaceAddress result{static_cast<int>(fixed->ifa_index), {}, fixed->ifa_prefixlen};
  bool local = false;  // of a point-to-point interface IFA_ADDRESS is the other end's
  each_attribute(message, sizeof *fixed, [&](int type, const nlattr* a) {
    if (type == IFA_LOCAL) local = true;
    if (type == IFA_LOCAL || (type == IFA_ADDRESS && !local)) result.address = read_address(a);
  });
  return result;
}

Neighbour read_neighbour(const nlmsghdr* message) {
  const auto* fixed = static_cast<const ndmsg*>(mnl_nlmsg_get_payload(message));
  Neighbour result;
  result.interface = fixed->ndm_ifindex;
  result.permanent = (fixed->ndm_state & NUD_PERMANENT) != 0;
  each_attribute(message, sizeof *fixed, [&](int type, const nlattr* a) {
    if (type == NDA_DST) result.address = read_address(a);
    if (type == NDA_LLADDR)
      result.mac.assign(static_cast<const char*>(mnl_attr_get_payload(a)), mnl_attr_get_payload_len(a));
  });
  return result;
}

LinkInfo read_link(const nlmsghdr* message) {
  const auto* fixed = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(message));
  LinkInfo info;
  info.index = fixed->ifi_index;
  info.up = (fixed->ifi_flags & IFF_UP) != 0;
  each_attribute(message, sizeof *fixed, [&](int type, const nlattr* a) {
    if (type == IFLA_IFNAME) info.name = mnl_attr_get_str(a);
    if (type == IFLA_OPERSTATE) info.operational = mnl_attr_get_u8(a) == IF_OPER_UP;
    if (type == IFLA_GROUP) info.group = mnl_attr_get_u32(a);
    if (type == IFLA_MTU) info.mtu = static_cast<int>(mnl_attr_get_u32(a));
  });
  return info;
}

PolicyRule read_rule(const nlmsghdr* message) {
  const auto* fixed = static_cast<const fib_rule_hdr*>(mnl_nlmsg_get_payload(message));
  PolicyRule rule;
  rule.v6 = fixed->family == AF_INET6;
  rule.prohibit = fixed->action == FR_ACT_PROHIBIT;
  if (!rule.prohibit) rule.table = 0;
  each_attribute(message, sizeof *fixed, [&](int type, const nlattr* a) {
    if (type == FRA_TABLE && fixed->action == FR_ACT_TO_TBL) rule.table = mnl_attr_get_u32(a);
    if (type == FRA_PRIORITY) rule.priority = mnl_attr_get_u32(a);
    if (type == FRA_IIFNAME) rule.input_interface = mnl_attr_get_str(a);
    if (type == FRA_FWMARK) rule.mark = mnl_attr_get_u32(a);
    if (type == FRA_FWMASK) rule.mark_mask = mnl_attr_get_u32(a);
    if (type == FRA_SRC) rule.from = read_prefix(a, fixed->src_len);
    if (type == FRA_DST) rule.to = read_prefix(a, fixed->dst_len);
  });
  return rule;
}

namespace {

// The interfaces of all next hops of RTA_MULTIPATH.
std::vector<int> read_next_hops(const nlattr* attribute) {
  std::vector<int> interfaces;
  const auto* bytes = static_cast<const char*>(mnl_attr_get_payload(attribute));
  rtnexthop hop{};
  for (std::size_t left = mnl_attr_get_payload_len(attribute); left >= sizeof hop;) {
    std::memcpy(&hop, bytes, sizeof hop);
    const std::size_t size = RTNH_ALIGN(hop.rtnh_len);
    if (hop.rtnh_len < sizeof hop || size > left) break;
    interfaces.push_back(hop.rtnh_ifindex);
    bytes += size, left -= size;
  }
  return interfaces;
}

}  // namespace

Route read_route(const nlmsghdr* message) {
  const auto* fixed = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(message));
  Route route;
  route.destination.v6 = fixed->rtm_family == AF_INET6;  // a default route has no RTA_DST
  route.prefix_length = fixed->rtm_dst_len;
  route.link_scope = !route.destination.v6 && fixed->rtm_scope == RT_SCOPE_LINK;
  route.table = fixed->rtm_table;
  each_attribute(message, sizeof *fixed, [&](int type, const nlattr* a) {
    if (type == RTA_DST) route.destination = read_address(a);
    if (type == RTA_GATEWAY) route.gateway = read_address(a);
    if (type == RTA_PREFSRC) route.source = read_address(a);
    if (type == RTA_OIF) route.interface = static_cast<int>(mnl_attr_get_u32(a));
    if (type == RTA_PRIORITY) route.metric = mnl_attr_get_u32(a);
    if (type == RTA_TABLE) route.table = mnl_attr_get_u32(a);
    if (type == RTA_MULTIPATH) route.further_interfaces = read_next_hops(a);
  });
  return route;
}

}  // namespace conductor::linux
