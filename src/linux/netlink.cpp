#include "linux/netlink.hpp"

#include "base/error.hpp"
#include "linux/netlink_messages.hpp"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>

namespace conductor::linux {

namespace {

void require_interface_name(const std::string& name) {
  if (name.empty() || name.size() >= IFNAMSIZ) throw base::Error("'" + name + "' is no name for an interface");
}

}  // namespace

Netlink::Netlink() : socket_(NETLINK_ROUTE) {}

void Netlink::add(nlmsghdr* message, std::string sentence, std::vector<int> accepted) {
  socket_.add(message, std::move(sentence), std::move(accepted));
}
void Netlink::send() { socket_.send(); }

void Netlink::add_veth(const VethEnd& end, std::uint32_t group, int mtu, const Fd& peer_namespace,
                       const VethEnd& peer) {
  require_interface_name(end.name);
  require_interface_name(peer.name);
  RequestBuilder m(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  m.extra<ifinfomsg>().ifi_family = AF_UNSPEC;
  m.text(IFLA_IFNAME, end.name);
  m.bytes(IFLA_ADDRESS, end.mac);
  m.u32(IFLA_GROUP, group);
  m.u32(IFLA_MTU, static_cast<std::uint32_t>(mtu));
  m.nest(IFLA_LINKINFO, [&] {
    m.text(IFLA_INFO_KIND, "veth");
    m.nest(IFLA_INFO_DATA, [&] {
      m.nest(VETH_INFO_PEER, [&] {
        m.extra<ifinfomsg>().ifi_family = AF_UNSPEC;
        m.text(IFLA_IFNAME, peer.name);
        m.bytes(IFLA_ADDRESS, peer.mac);
        m.u32(IFLA_MTU, static_cast<std::uint32_t>(mtu));
        m.u32(IFLA_NET_NS_FD, static_cast<std::uint32_t>(peer_namespace.get()));
      });
    });
  });
  add(m.get(), "making the veth pair " + end.name);
}

void Netlink::set_link_up(int index, const std::vector<int>& ipv4_settings) {
  RequestBuilder m(RTM_SETLINK, 0);
  auto& fixed = m.extra<ifinfomsg>();
  fixed.ifi_index = index;
  fixed.ifi_flags = IFF_UP;
  fixed.ifi_change = IFF_UP;
  if (!ipv4_settings.empty())
    m.nest(IFLA_AF_SPEC, [&] {
      m.nest(AF_INET, [&] {
        m.nest(IFLA_INET_CONF, [&] {
          for (const int setting : ipv4_settings) m.u32(setting, 1);
        });
      });
    });
  add(m.get(), "setting interface " + std::to_string(index) + " up");
}

void Netlink::set_no_link_local(int index) {
  RequestBuilder m(RTM_SETLINK, 0);
  m.extra<ifinfomsg>().ifi_index = index;
  m.nest(IFLA_AF_SPEC, [&] { m.nest(AF_INET6, [&] { m.u8(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE); }); });
  add(m.get(), "keeping link-local addresses from interface " + std::to_string(index));
}

void Netlink::add_address(int index, const IpAddress& address, int prefix_length) {
  RequestBuilder m(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE);
  auto& fixed = m.extra<ifaddrmsg>();
  fixed.ifa_family = family_of(address.v6);
  fixed.ifa_prefixlen = static_cast<std::uint8_t>(prefix_length);
  fixed.ifa_index = static_cast<std::uint32_t>(index);
  if (address.v6) fixed.ifa_flags = IFA_F_NODAD;
  m.address(IFA_LOCAL, address);
  m.address(IFA_ADDRESS, address);
  add(m.get(), "adding address " + to_text(address));
}

void Netlink::remove_address(int index, const IpAddress& address, int prefix_length) {
  RequestBuilder m(RTM_DELADDR, 0);
  auto& fixed = m.extra<ifaddrmsg>();
  fixed.ifa_family = family_of(address.v6);
  fixed.ifa_prefixlen = static_cast<std::uint8_t>(prefix_length);
  fixed.ifa_index = static_cast<std::uint32_t>(index);
  m.address(IFA_LOCAL, address);
  add(m.get(), "removing address " + to_text(address), {EADDRNOTAVAIL, ENODEV});
}

void Netlink::add_route(const Route& route) {
  add(route_message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, route).get(),
      "adding a route to " + to_text(route.destination));
}

void Netlink::remove_route(const Route& route) {
  add(route_message(RTM_DELROUTE, 0, route).get(), "removing the route to " + to_text(route.destination),
      {ESRCH, ENODEV});
}

void Netlink::add_neighbour(int index, const IpAddress& address, const std::string& mac) {
  RequestBuilder m(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE);
  auto& fixed = m.extra<ndmsg>();
  fixed.ndm_family = family_of(address.v6);
  fixed.ndm_ifindex = index;
  fixed.ndm_state = NUD_PERMANENT;
  m.address(NDA_DST, address);
  m.bytes(NDA_LLADDR, mac);
  add(m.get(), "adding a neighbour entry for " + to_text(address));
}

void Netlink::remove_neighbour(int index, const IpAddress& address) {
  RequestBuilder m(RTM_DELNEIGH, 0);
  auto& fixed = m.extra<ndmsg>();
  fixed.ndm_family = family_of(address.v6);
  fixed.ndm_ifindex = index;
  m.address(NDA_DST, address);
  add(m.get(), "removing the neighbour entry for " + to_text(address), {ENOENT, ENODEV});
}

void Netlink::add_rule(const PolicyRule& rule) {
  add(rule_message(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, rule).get(),
      "adding policy rule " + std::to_string(rule.priority), {EEXIST});
}

void Netlink::remove_rule(const PolicyRule& rule) {
  add(rule_message(RTM_DELRULE, 0, rule).get(), "removing policy rule " + std::to_string(rule.priority), {ENOENT});
}

void Netlink::set_link_group(int index, std::uint32_t group) {
  RequestBuilder m(RTM_SETLINK, 0);
  m.extra<ifinfomsg>().ifi_index = index;
  m.u32(IFLA_GROUP, group);
  add(m.get(), "putting interface " + std::to_string(index) + " into its group");
}

void Netlink::remove_link(int index) {
  RequestBuilder m(RTM_DELLINK, 0);
  m.extra<ifinfomsg>().ifi_index = index;
  add(m.get(), "removing interface " + std::to_string(index), {ENODEV});
}

std::vector<LinkInfo> Netlink::links() {
  RequestBuilder m(RTM_GETLINK, NLM_F_DUMP);
  m.extra<ifinfomsg>().ifi_family = AF_UNSPEC;
  m.u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  std::vector<LinkInfo> result;
  socket_.ask(m.get(), [&](const nlmsghdr* message) { result.push_back(read_link(message)); });
  return result;
}

std::optional<LinkInfo> Netlink::link(const std::string& name) {
  RequestBuilder m(RTM_GETLINK, 0);
  m.extra<ifinfomsg>().ifi_family = AF_UNSPEC;
  m.text(IFLA_IFNAME, name);
  m.u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  std::optional<LinkInfo> result;
  try {
    socket_.ask(m.get(), [&](const nlmsghdr* message) { result = read_link(message); });
  } catch (const base::Error& e) {
    if (e.code() != ENODEV) throw;
  }
  return result;
}

bool Netlink::wait_until(const std::function<bool()>& holds, int group, int milliseconds) {
  if (holds()) return true;
  NetlinkSocket changes(NETLINK_ROUTE);
  changes.join(group);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
  for (; !holds(); changes.receive_each([](const nlmsghdr*) {})) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0 || !wait_readable(changes.fd().get(), static_cast<int>(left.count()))) return false;
  }
  return true;
}

bool Netlink::wait_operational(const std::string& name, int milliseconds) {
  return wait_until(
      [&] {
        const auto found = link(name);  // newer kernels settle the state before they answer
        return found && found->operational;
      },
      RTNLGRP_LINK, milliseconds);
}

bool Netlink::wait_local(const IpAddress& address, int milliseconds) {
  return wait_until([&] { return is_local(address); }, address.v6 ? RTNLGRP_IPV6_ROUTE : RTNLGRP_IPV4_ROUTE,
                    milliseconds);
}

bool Netlink::is_local(const IpAddress& address) {
  RequestBuilder m(RTM_GETROUTE, 0);
  auto& fixed = m.extra<rtmsg>();
  fixed.rtm_family = family_of(address.v6);
  fixed.rtm_dst_len = static_cast<unsigned char>(address.bits());
  m.address(RTA_DST, address);
  bool local = false;
  try {
    socket_.ask(m.get(), [&](const nlmsghdr* message) {
      local = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(message))->rtm_type == RTN_LOCAL;
    });
  } catch (const base::Error& e) {
    if (e.code() != ENETUNREACH && e.code() != EHOSTUNREACH && e.code() != EACCES && e.code() != EINVAL) throw;
  }
  return local;
}

bool Netlink::wait_gone(const std::string& name, int milliseconds) {
  return wait_until([&] { return !link(name); }, RTNLGRP_LINK, milliseconds);
}

std::vector<PolicyRule> Netlink::rules() {
  std::vector<PolicyRule> result;
  for (const bool v6 : {false, true}) {
    RequestBuilder m(RTM_GETRULE, NLM_F_DUMP);
    m.extra<fib_rule_hdr>().family = family_of(v6);
    socket_.ask(m.get(), [&](const nlmsghdr* message) { result.push_back(read_rule(message)); });
  }
  return result;
}

std::vector<Route> Netlink::routes(std::uint32_t table) {
  std::vector<Route> result;
  for (const bool v6 : {false, true}) {
    RequestBuilder m(RTM_GETROUTE, NLM_F_DUMP);
    m.extra<rtmsg>().rtm_family = family_of(v6);
    m.u32(RTA_TABLE, table);
    try {
      socket_.ask(m.get(), [&](const nlmsghdr* message) {
        const Route route = read_route(message);
        if (route.table == table) result.push_back(route);
      });
    } catch (const base::Error& e) {
      if (e.code() != ENOENT) throw;  // nobody has put anything into that table
    }
  }
  return result;
}

std::vector<InterfaceAddress> Netlink::addresses(int index) {
  RequestBuilder m(RTM_GETADDR, NLM_F_DUMP);
  auto& fixed = m.extra<ifaddrmsg>();
  fixed.ifa_family = AF_UNSPEC;
  fixed.ifa_index = static_cast<std::uint32_t>(index);
  std::vector<InterfaceAddress> result;
  socket_.ask(m.get(), [&](const nlmsghdr* message) {
    const auto address = read_interface_address(message);
    if (index == 0 || address.interface == index) result.push_back(address);  // older kernels give all
  });
  return result;
}

std::vector<Neighbour> Netlink::neighbours(int index) {
  RequestBuilder m(RTM_GETNEIGH, NLM_F_DUMP);
  m.extra<ndmsg>().ndm_family = AF_UNSPEC;
  m.u32(NDA_IFINDEX, static_cast<std::uint32_t>(index));
  std::vector<Neighbour> result;
  socket_.ask(m.get(), [&](const nlmsghdr* message) { result.push_back(read_neighbour(message)); });
  return result;
}

}  // namespace conductor::linux
