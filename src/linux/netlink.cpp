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
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

namespace conductor::linux {

namespace {

constexpr std::size_t receive_size = 64U * 1024U;  // what the kernel puts into one datagram of a dump at most
constexpr std::size_t requests_per_message = 64;   // so that their answers fit the socket's buffer
constexpr time_t answer_limit_s = 10;

void require_interface_name(const std::string& name) {
  if (name.empty() || name.size() >= IFNAMSIZ) throw base::Error("'" + name + "' is no name for an interface");
}

std::string receive(const Fd& socket) {
  std::string buffer(receive_size, '\0');
  ssize_t n = 0;
  do n = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
  while (n < 0 && errno == EINTR);
  if (n < 0) throw base::Error::from_errno("no answer from rtnetlink");
  buffer.resize(static_cast<std::size_t>(n));
  return buffer;
}

// Calls `each` for every message of a datagram.
template <class Each>
void each_message(const std::string& datagram, Each&& each) {
  int left = static_cast<int>(datagram.size());
  const auto* message = static_cast<const nlmsghdr*>(static_cast<const void*>(datagram.data()));
  for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) each(message);
}

void send_all(const Fd& socket, const std::string& bytes) {
  if (::send(socket.get(), bytes.data(), bytes.size(), 0) < 0) throw base::Error::from_errno("sending to rtnetlink");
}

}  // namespace

Netlink::Netlink() : socket_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)) {
  if (!socket_) throw base::Error::from_errno("socket(AF_NETLINK, NETLINK_ROUTE)");
  const int on = 1;
  const timeval limit{answer_limit_s, 0};
  // Only comfort: without them answers carry the whole request and no words.
  ::setsockopt(socket_.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  ::setsockopt(socket_.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  ::setsockopt(socket_.get(), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

void Netlink::add(nlmsghdr* message, std::string sentence, std::vector<int> accepted) {
  message->nlmsg_flags = static_cast<std::uint16_t>(message->nlmsg_flags | NLM_F_ACK);
  std::string bytes(static_cast<const char*>(static_cast<const void*>(message)), message->nlmsg_len);
  bytes.resize(MNL_ALIGN(bytes.size()), '\0');
  pending_.push_back({std::move(bytes), std::move(sentence), std::move(accepted)});
}

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

void Netlink::add_rule(const PolicyRule& rule) {
  add(rule_message(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, rule).get(),
      "adding policy rule " + std::to_string(rule.priority), {EEXIST});
}

void Netlink::remove_rule(const PolicyRule& rule) {
  add(rule_message(RTM_DELRULE, 0, rule).get(), "removing policy rule " + std::to_string(rule.priority), {ENOENT});
}

void Netlink::remove_link(int index) {
  RequestBuilder m(RTM_DELLINK, 0);
  m.extra<ifinfomsg>().ifi_index = index;
  add(m.get(), "removing interface " + std::to_string(index), {ENODEV});
}

void Netlink::send() {
  std::vector<Request> all = std::move(pending_);
  pending_.clear();
  for (std::size_t first = 0; first < all.size(); first += requests_per_message) {
    std::vector<Request> part;
    for (std::size_t i = first; i < std::min(all.size(), first + requests_per_message); ++i)
      part.push_back(std::move(all[i]));
    send_part(part);
  }
}

// The kernel works through all requests of a message, whatever becomes of single ones, and answers each.
void Netlink::send_part(std::vector<Request>& part) {
  const std::uint32_t first = sequence_ + 1;
  std::string bytes;
  for (auto& request : part) {
    nlmsghdr header{};
    std::memcpy(&header, request.bytes.data(), sizeof header);
    header.nlmsg_seq = ++sequence_;
    std::memcpy(request.bytes.data(), &header, sizeof header);
    bytes += request.bytes;
  }
  send_all(socket_, bytes);

  std::optional<base::Error> refusal;
  for (std::size_t answered = 0; answered < part.size();) {
    each_message(receive(socket_), [&](const nlmsghdr* answer) {
      const std::size_t position = answer->nlmsg_seq - first;
      if (answer->nlmsg_type != NLMSG_ERROR || position >= part.size()) return;  // of an earlier, abandoned request
      ++answered;
      const auto* error = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(answer));
      const auto& accepted = part[position].accepted;
      const bool fine =
          error->error == 0 || std::find(accepted.begin(), accepted.end(), -error->error) != accepted.end();
      if (!fine && !refusal) refusal.emplace(part[position].sentence + kernel_words(answer, error), -error->error);
    });
  }
  if (refusal) throw base::Error(*refusal);
}

void Netlink::dump(nlmsghdr* request, const std::function<void(const nlmsghdr*)>& each) {
  const std::uint32_t sequence = request->nlmsg_seq = ++sequence_;
  send_all(socket_, std::string(static_cast<const char*>(static_cast<const void*>(request)), request->nlmsg_len));
  for (bool done = false; !done;) {
    each_message(receive(socket_), [&](const nlmsghdr* message) {
      if (message->nlmsg_seq != sequence) return;
      if (message->nlmsg_type == NLMSG_ERROR)
        throw base::Error("reading from rtnetlink",
                          -static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message))->error);
      if (message->nlmsg_type == NLMSG_DONE)
        done = true;
      else
        each(message);
      if ((message->nlmsg_flags & NLM_F_MULTI) == 0) done = true;
    });
  }
}

std::vector<LinkInfo> Netlink::links() {
  RequestBuilder m(RTM_GETLINK, NLM_F_DUMP);
  m.extra<ifinfomsg>().ifi_family = AF_UNSPEC;
  m.u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  std::vector<LinkInfo> result;
  dump(m.get(), [&](const nlmsghdr* message) { result.push_back(read_link(message)); });
  return result;
}

std::optional<LinkInfo> Netlink::link(const std::string& name) {
  RequestBuilder m(RTM_GETLINK, 0);
  m.extra<ifinfomsg>().ifi_family = AF_UNSPEC;
  m.text(IFLA_IFNAME, name);
  m.u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  std::optional<LinkInfo> result;
  try {
    dump(m.get(), [&](const nlmsghdr* message) { result = read_link(message); });
  } catch (const base::Error& e) {
    if (e.code() != ENODEV) throw;
  }
  return result;
}

bool Netlink::wait_for_links(const std::function<bool()>& holds, int milliseconds) {
  if (holds()) return true;
  const Netlink changes;
  sockaddr_nl group{};  // bound: a socket without a port of its own is passed over
  group.nl_family = AF_NETLINK;
  group.nl_groups = RTMGRP_LINK;
  if (::bind(changes.socket_.get(), reinterpret_cast<const sockaddr*>(&group), sizeof group) != 0)
    throw base::Error::from_errno("watching links");
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
  for (pollfd wait{changes.socket_.get(), POLLIN, 0}; !holds(); receive(changes.socket_)) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0 || ::poll(&wait, 1, static_cast<int>(left.count())) == 0) return false;
  }
  return true;
}

bool Netlink::wait_operational(const std::string& name, int milliseconds) {
  return wait_for_links(
      [&] {
        const auto found = link(name);  // newer kernels settle the state before they answer
        return found && found->operational;
      },
      milliseconds);
}

bool Netlink::wait_gone(const std::string& name, int milliseconds) {
  return wait_for_links([&] { return !link(name); }, milliseconds);
}

std::vector<PolicyRule> Netlink::rules() {
  std::vector<PolicyRule> result;
  for (const bool v6 : {false, true}) {
    RequestBuilder m(RTM_GETRULE, NLM_F_DUMP);
    m.extra<fib_rule_hdr>().family = family_of(v6);
    dump(m.get(), [&](const nlmsghdr* message) { result.push_back(read_rule(message)); });
  }
  return result;
}

std::vector<Route> Netlink::routes(std::uint32_t table) {
  std::vector<Route> result;
  for (const bool v6 : {false, true}) {
    RequestBuilder m(RTM_GETROUTE, NLM_F_DUMP);
    m.extra<rtmsg>().rtm_family = family_of(v6);
    m.u32(RTA_TABLE, table);
    dump(m.get(), [&](const nlmsghdr* message) {
      const Route route = read_route(message);
      if (route.table == table) result.push_back(route);
    });
  }
  return result;
}

std::vector<InterfaceAddress> Netlink::addresses() {
  RequestBuilder m(RTM_GETADDR, NLM_F_DUMP);
  m.extra<ifaddrmsg>().ifa_family = AF_UNSPEC;
  std::vector<InterfaceAddress> result;
  dump(m.get(), [&](const nlmsghdr* message) { result.push_back(read_interface_address(message)); });
  return result;
}

std::vector<Neighbour> Netlink::neighbours(int index) {
  RequestBuilder m(RTM_GETNEIGH, NLM_F_DUMP);
  m.extra<ndmsg>().ndm_family = AF_UNSPEC;
  m.u32(NDA_IFINDEX, static_cast<std::uint32_t>(index));
  std::vector<Neighbour> result;
  dump(m.get(), [&](const nlmsghdr* message) { result.push_back(read_neighbour(message)); });
  return result;
}

}  // namespace conductor::linux
