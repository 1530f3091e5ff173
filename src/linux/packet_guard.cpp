#include "linux/packet_guard.hpp"

#include "base/error.hpp"
#include "linux/netlink_messages.hpp"
#include "linux/netlink_socket.hpp"

#include <linux/xfrm.h>

#include <cerrno>
#include <cstring>

namespace conductor::linux {

namespace {

constexpr std::uint32_t allow_priority = 100;  // the lower number is asked first
constexpr std::uint32_t block_priority = 200;

// One of the two policies of a guard.
struct Policy {
  const PacketGuard& guard;
  bool block = false;
};

xfrm_selector selector_of(const IpPrefix& range) {
  xfrm_selector selector{};
  selector.family = family_of(range.address.v6);
  std::memcpy(&selector.saddr, range.address.bytes.data(), range.address.size());
  selector.prefixlen_s = static_cast<std::uint8_t>(range.length);
  return selector;
}

void put_mark(RequestBuilder& m, const Policy& policy) {
  if (policy.block) return;
  const xfrm_mark mark{policy.guard.mark, policy.guard.mark};
  m.bytes(XFRMA_MARK, std::string(reinterpret_cast<const char*>(&mark), sizeof mark));
}

RequestBuilder new_policy(const Policy& policy) {
  RequestBuilder m(XFRM_MSG_NEWPOLICY, NLM_F_CREATE | NLM_F_EXCL);
  auto& fixed = m.extra<xfrm_userpolicy_info>();
  fixed.sel = selector_of(policy.guard.range);
  fixed.dir = XFRM_POLICY_IN;
  fixed.action = policy.block ? XFRM_POLICY_BLOCK : XFRM_POLICY_ALLOW;
  fixed.priority = policy.block ? block_priority : allow_priority;
  fixed.share = XFRM_SHARE_ANY;
  fixed.lft.soft_byte_limit = fixed.lft.hard_byte_limit = XFRM_INF;
  fixed.lft.soft_packet_limit = fixed.lft.hard_packet_limit = XFRM_INF;
  put_mark(m, policy);
  return m;
}

// XFRM_MSG_DELPOLICY or XFRM_MSG_GETPOLICY.
RequestBuilder about_policy(int type, const Policy& policy) {
  RequestBuilder m(type, 0);
  auto& fixed = m.extra<xfrm_userpolicy_id>();
  fixed.sel = selector_of(policy.guard.range);
  fixed.dir = XFRM_POLICY_IN;
  put_mark(m, policy);
  return m;
}

bool policy_stands(NetlinkSocket& socket, const Policy& policy) {
  bool stands = false;
  try {
    socket.ask(about_policy(XFRM_MSG_GETPOLICY, policy).get(), [&](const nlmsghdr* message) {
      const auto* found = static_cast<const xfrm_userpolicy_info*>(mnl_nlmsg_get_payload(message));
      xfrm_mark mark{};
      each_attribute(message, sizeof *found, [&](int type, const nlattr* a) {
        if (type == XFRMA_MARK) std::memcpy(&mark, mnl_attr_get_payload(a), sizeof mark);
      });
      const std::uint32_t wanted = policy.block ? 0 : policy.guard.mark;
      stands = found->action == (policy.block ? XFRM_POLICY_BLOCK : XFRM_POLICY_ALLOW) &&
               found->priority == (policy.block ? block_priority : allow_priority) && mark.v == wanted &&
               mark.m == wanted;
    });
  } catch (const base::Error& e) {
    if (e.code() != ENOENT) throw;
  }
  return stands;
}

}  // namespace

bool packet_guards_possible() {
  try {
    const NetlinkSocket socket(NETLINK_XFRM);
    return true;
  } catch (const base::Error& e) {
    if (e.code() != EPROTONOSUPPORT) throw;
    return false;
  }
}

void add_packet_guards(const std::vector<PacketGuard>& guards) {
  NetlinkSocket socket(NETLINK_XFRM);
  for (const PacketGuard& guard : guards)
    for (const bool block : {false, true})
      socket.add(new_policy({guard, block}).get(), "guarding this host from " + to_text(guard.range), {EEXIST});
  socket.send();
}

void remove_packet_guards(const std::vector<PacketGuard>& guards) {
  NetlinkSocket socket(NETLINK_XFRM);
  for (const PacketGuard& guard : guards)
    for (const bool block : {true, false})
      socket.add(about_policy(XFRM_MSG_DELPOLICY, {guard, block}).get(),
                 "taking the guard against " + to_text(guard.range) + " away", {ENOENT});
  socket.send();
}

bool packet_guard_stands(const PacketGuard& guard) {
  NetlinkSocket socket(NETLINK_XFRM);
  return policy_stands(socket, {guard, false}) && policy_stands(socket, {guard, true});
}

}  // namespace conductor::linux
