#include "linux/conntrack.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "linux/netlink_messages.hpp"
#include "linux/netlink_socket.hpp"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <string>

namespace conductor::linux {

namespace {

constexpr int new_connections = NFNLGRP_CONNTRACK_NEW;
constexpr int event_buffer = 4 << 20;
constexpr std::int64_t many_connections = 10000;  // reading them all costs more than a second walk of the kernel
constexpr std::uint32_t by_source = 1;            // bit of CTA_FILTER_ORIG_FLAGS and CTA_FILTER_REPLY_FLAGS

// As the kernel has it, with what it takes to name it again.
struct Entry {
  Connection connection;
  IpAddress reply_destination;
  std::string original;  // content of CTA_TUPLE_ORIG
  std::string zone, id;  // contents, empty when not given
};

std::string content_of(const nlattr* a) {
  return {static_cast<const char*>(mnl_attr_get_payload(a)), mnl_attr_get_payload_len(a)};
}

std::uint16_t port_of(const nlattr* a) { return ntohs(mnl_attr_get_u16(a)); }

struct Tuple {
  IpAddress source, destination;
  std::uint8_t protocol = 0;
  std::uint16_t source_port = 0, destination_port = 0;
};

Tuple read_tuple(const nlattr* parent) {
  Tuple tuple;
  each_nested(parent, [&](int part, const nlattr* a) {
    if (part == CTA_TUPLE_IP)
      each_nested(a, [&](int type, const nlattr* value) {
        if (type == CTA_IP_V4_SRC || type == CTA_IP_V6_SRC) tuple.source = read_address(value);
        if (type == CTA_IP_V4_DST || type == CTA_IP_V6_DST) tuple.destination = read_address(value);
      });
    if (part == CTA_TUPLE_PROTO)
      each_nested(a, [&](int type, const nlattr* value) {
        if (type == CTA_PROTO_NUM) tuple.protocol = mnl_attr_get_u8(value);
        if (type == CTA_PROTO_SRC_PORT) tuple.source_port = port_of(value);
        if (type == CTA_PROTO_DST_PORT) tuple.destination_port = port_of(value);
      });
  });
  return tuple;
}

Entry read_entry(const nlmsghdr* message) {
  Entry entry;
  Connection& c = entry.connection;
  each_attribute(message, sizeof(nfgenmsg), [&](int type, const nlattr* a) {
    if (type == CTA_ZONE) entry.zone = content_of(a);
    if (type == CTA_ID) entry.id = content_of(a);
    if (type == CTA_TUPLE_ORIG) {
      const Tuple tuple = read_tuple(a);
      entry.original = content_of(a);
      c.protocol = tuple.protocol;
      c.source = tuple.source, c.destination = tuple.destination;
      c.source_port = tuple.source_port, c.destination_port = tuple.destination_port;
    }
    if (type == CTA_TUPLE_REPLY) {
      const Tuple tuple = read_tuple(a);
      c.translated_destination = tuple.source, c.translated_port = tuple.source_port;
      entry.reply_destination = tuple.destination;
    }
  });
  return entry;
}

RequestBuilder conntrack_message(int type, int flags, unsigned char family) {
  RequestBuilder m((NFNL_SUBSYS_CTNETLINK << 8) | type, flags);
  auto& fixed = m.extra<nfgenmsg>();
  fixed.nfgen_family = family;
  fixed.version = NFNETLINK_V0;
  return m;
}

// Who opened it and who answers; nothing: anybody.
struct Ends {
  std::optional<IpAddress> opener, answerer;

  bool match(const Connection& c) const {
    return (!opener || c.source == *opener) && (!answerer || c.translated_destination == *answerer);
  }
};

void put_source(RequestBuilder& m, int tuple, const std::optional<IpAddress>& address) {
  if (!address) return;
  m.nest(tuple,
         [&] { m.nest(CTA_TUPLE_IP, [&] { m.address(address->v6 ? CTA_IP_V6_SRC : CTA_IP_V4_SRC, *address); }); });
}

// The kernel selects IPv4 alone, for it compares IPv6 addresses the wrong way round (as of Linux 6.18), and before 5.8
// nothing: what comes is looked at again.
void put_filter(RequestBuilder& m, const Ends& ends) {
  put_source(m, CTA_TUPLE_ORIG, ends.opener);
  put_source(m, CTA_TUPLE_REPLY, ends.answerer);
  m.nest(CTA_FILTER, [&] {
    m.u32(CTA_FILTER_ORIG_FLAGS, ends.opener ? by_source : 0);
    m.u32(CTA_FILTER_REPLY_FLAGS, ends.answerer ? by_source : 0);
  });
}

std::vector<Entry> entries_between(NetlinkSocket& socket, const Ends& ends) {
  const bool v6 = ends.opener ? ends.opener->v6 : ends.answerer->v6;
  RequestBuilder m = conntrack_message(IPCTNL_MSG_CT_GET, NLM_F_DUMP, family_of(v6));
  if (!v6) put_filter(m, ends);
  std::vector<Entry> result;
  socket.ask(m.get(), [&](const nlmsghdr* message) {
    Entry entry = read_entry(message);
    if (ends.match(entry.connection)) result.push_back(std::move(entry));
  });
  return result;
}

void forget(NetlinkSocket& socket, const std::vector<Entry>& entries) {
  for (const Entry& entry : entries) {
    RequestBuilder m = conntrack_message(IPCTNL_MSG_CT_DELETE, 0, family_of(entry.connection.source.v6));
    m.bytes(CTA_TUPLE_ORIG | NLA_F_NESTED, entry.original);
    if (!entry.zone.empty()) m.bytes(CTA_ZONE, entry.zone);
    if (!entry.id.empty()) m.bytes(CTA_ID, entry.id);
    socket.add(m.get(), "forgetting a tracked connection", {ENOENT});
  }
  socket.send();
}

// How many there are, roughly; more than many where the kernel does not say.
std::int64_t tracked_connections() {
  const auto text = try_read_file("/proc/sys/net/netfilter/nf_conntrack_count");
  const auto count = text ? base::parse_number(base::trim(*text)) : std::nullopt;
  return count.value_or(many_connections + 1);
}

bool in_ranges(const std::vector<IpPrefix>& ranges, const Entry& entry) {
  const Connection& c = entry.connection;
  return std::any_of(ranges.begin(), ranges.end(), [&](const IpPrefix& range) {
    return range.contains(c.source) || range.contains(c.destination) || range.contains(c.translated_destination) ||
           range.contains(entry.reply_destination);
  });
}

void each_entry(NetlinkSocket& socket, const std::vector<IpPrefix>& ranges, const std::function<void(Entry)>& each) {
  RequestBuilder m = conntrack_message(IPCTNL_MSG_CT_GET, NLM_F_DUMP, AF_UNSPEC);
  socket.ask(m.get(), [&](const nlmsghdr* message) {
    Entry entry = read_entry(message);
    if (in_ranges(ranges, entry)) each(std::move(entry));
  });
}

}  // namespace

void forget_connections(const std::vector<IpPrefix>& ranges, const std::function<bool(const Connection&)>& unwanted) {
  if (tracked_connections() == 0) return;
  NetlinkSocket socket(NETLINK_NETFILTER);
  std::vector<Entry> entries;
  each_entry(socket, ranges, [&](Entry entry) {
    if (unwanted(entry.connection)) entries.push_back(std::move(entry));
  });
  forget(socket, entries);
}

void forget_connections(const IpAddress& address, const std::optional<IpAddress>& peer) {
  if (peer && peer->v6 != address.v6) return;
  const base::Context context("forgetting connections of " + to_text(address));
  const Ends opened{address, peer}, answered{peer, address};
  if (address.v6 || tracked_connections() <= many_connections)
    return forget_connections({{address, address.bits()}},
                              [&](const Connection& c) { return opened.match(c) || answered.match(c); });
  NetlinkSocket socket(NETLINK_NETFILTER);
  forget(socket, entries_between(socket, opened));
  forget(socket, entries_between(socket, answered));
}

std::vector<Connection> connections(const std::vector<IpPrefix>& ranges) {
  NetlinkSocket socket(NETLINK_NETFILTER);
  std::vector<Connection> result;
  each_entry(socket, ranges, [&](const Entry& entry) { result.push_back(entry.connection); });
  return result;
}

Observation observe_connections(const std::vector<IpPrefix>& ranges, std::int64_t milliseconds, int stop,
                                const std::function<void(const Connection&)>& each) {
  NetlinkSocket socket(NETLINK_NETFILTER);
  ::setsockopt(socket.fd().get(), SOL_SOCKET, SO_RCVBUFFORCE, &event_buffer, sizeof event_buffer);
  socket.join(new_connections);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
  Observation observation;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return observation;
    std::array<pollfd, 2> wait{pollfd{socket.fd().get(), POLLIN, 0}, pollfd{stop, POLLIN, 0}};
    const int ready = ::poll(wait.data(), wait.size(), static_cast<int>(std::min<std::int64_t>(left.count(), 1 << 30)));
    if (ready < 0 && errno != EINTR) throw base::Error::from_errno("waiting for connections");
    if (ready <= 0) continue;
    if (wait[1].revents != 0) return observation;
    const bool all = socket.receive_each([&](const nlmsghdr* message) {
      const Entry entry = read_entry(message);
      if (in_ranges(ranges, entry)) each(entry.connection);
    });
    observation.complete = observation.complete && all;
  }
}

}  // namespace conductor::linux
