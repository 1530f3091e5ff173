// The filter of Netlink::set_source_filter: tc-bpf(8), as a classic program (the kernel's filter.rst) that says itself
// what becomes of the packet.
#include "base/error.hpp"
#include "linux/netlink.hpp"
#include "linux/netlink_messages.hpp"

#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

namespace conductor::linux {

namespace {

// Offsets from the Ethernet header; a packet too short for them is accepted and refused by the protocol itself.
constexpr std::uint32_t type_offset = 12;
constexpr std::uint32_t source_offset = ETH_HLEN + 12;
constexpr std::uint32_t source6_offset = ETH_HLEN + 8;

constexpr std::uint32_t ingress = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS);
constexpr std::uint32_t filter_priority = 1;
constexpr std::uint32_t filter_handle = 1;

using Program = std::vector<sock_filter>;

sock_filter load_type() { return BPF_STMT(BPF_LD | BPF_H | BPF_ABS, type_offset); }
sock_filter load_word(std::uint32_t offset) { return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset); }
sock_filter unless_equal_skip(std::uint32_t value, std::size_t instructions) {
  return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, static_cast<std::uint8_t>(instructions));
}
sock_filter verdict(std::uint32_t action) { return BPF_STMT(BPF_RET | BPF_K, action); }

std::uint32_t word_of(const IpAddress& address, std::size_t i) {
  const auto byte = [&](std::size_t at) { return std::uint32_t{address.bytes[4 * i + at]}; };
  return byte(0) << 24U | byte(1) << 16U | byte(2) << 8U | byte(3);
}

// Accepts where every word of the source is that of the address.
void append_match(Program& program, const IpAddress& address) {
  const std::size_t words = address.size() / 4;
  const std::uint32_t offset = address.v6 ? source6_offset : source_offset;
  for (std::size_t i = 0; i < words; ++i) {
    program.push_back(load_word(offset + static_cast<std::uint32_t>(4 * i)));
    program.push_back(unless_equal_skip(word_of(address, i), 2 * (words - i - 1) + 1));
  }
  program.push_back(verdict(TC_ACT_OK));
}

// "Of this protocol: from one of the addresses, or dropped."
void append_family(Program& program, const std::vector<IpAddress>& sources, bool v6) {
  Program body;
  for (const IpAddress& address : sources)
    if (address.v6 == v6) append_match(body, address);
  body.push_back(verdict(TC_ACT_SHOT));
  program.push_back(load_type());
  // The body may be longer than a conditional jump reaches.
  program.push_back(
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, v6 ? std::uint32_t{ETH_P_IPV6} : std::uint32_t{ETH_P_IP}, 1, 0));
  program.push_back(BPF_STMT(BPF_JMP | BPF_JA, static_cast<std::uint32_t>(body.size())));
  program.insert(program.end(), body.begin(), body.end());
}

Program program_of(const std::vector<IpAddress>& sources) {
  Program program;
  append_family(program, sources, false);
  append_family(program, sources, true);
  program.push_back(verdict(TC_ACT_SHOT));
  return program;
}

// The addresses a program of ours compares with.
std::vector<IpAddress> sources_of(const Program& program) {
  std::vector<IpAddress> sources;
  IpAddress address;
  std::uint32_t loaded = 0;
  std::size_t word = 0;
  for (const sock_filter& instruction : program) {
    if (BPF_CLASS(instruction.code) == BPF_LD) loaded = instruction.k;
    if (instruction.code != (BPF_JMP | BPF_JEQ | BPF_K)) continue;
    if (loaded == type_offset) {
      address.v6 = instruction.k == ETH_P_IPV6;
      continue;
    }
    for (std::size_t byte = 0; byte < 4; ++byte)
      address.bytes[4 * word + byte] = static_cast<std::uint8_t>(instruction.k >> (24U - 8U * byte));
    if (++word < address.size() / 4) continue;
    sources.push_back(address);
    word = 0;
  }
  return sources;
}

std::string bytes_of(const Program& program) {
  return {reinterpret_cast<const char*>(program.data()), program.size() * sizeof(sock_filter)};
}

// As the kernel's tc_verd wants it: priority and protocol, the latter in network byte order.
std::uint32_t priority_and_protocol() { return TC_H_MAKE(filter_priority << 16U, std::uint32_t{htons(ETH_P_ALL)}); }

RequestBuilder clsact_message(int index) {
  RequestBuilder m(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL);
  auto& fixed = m.extra<tcmsg>();
  fixed.tcm_ifindex = index;
  fixed.tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0U);
  fixed.tcm_parent = TC_H_CLSACT;
  m.text(TCA_KIND, "clsact");
  return m;
}

}  // namespace

void Netlink::set_source_filter(int index, const std::vector<IpAddress>& sources) {
  add(clsact_message(index).get(), "preparing interface " + std::to_string(index) + " for a filter", {EEXIST});
  const Program program = program_of(sources);
  RequestBuilder m(RTM_NEWTFILTER, NLM_F_CREATE, program.size() * sizeof(sock_filter));
  auto& fixed = m.extra<tcmsg>();
  fixed.tcm_ifindex = index;
  fixed.tcm_handle = filter_handle;
  fixed.tcm_parent = ingress;
  fixed.tcm_info = priority_and_protocol();
  m.text(TCA_KIND, "bpf");
  m.nest(TCA_OPTIONS, [&] {
    m.u16(TCA_BPF_OPS_LEN, static_cast<std::uint16_t>(program.size()));
    m.bytes(TCA_BPF_OPS, bytes_of(program));
    m.u32(TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
  });
  add(m.get(), "filtering what comes in at interface " + std::to_string(index));
}

std::optional<std::vector<IpAddress>> Netlink::source_filter(int index) {
  RequestBuilder m(RTM_GETTFILTER, 0);
  auto& fixed = m.extra<tcmsg>();
  fixed.tcm_ifindex = index;
  fixed.tcm_handle = filter_handle;
  fixed.tcm_parent = ingress;
  fixed.tcm_info = priority_and_protocol();
  m.text(TCA_KIND, "bpf");
  Program program;
  bool acts = false;
  try {
    socket_.ask(m.get(), [&](const nlmsghdr* message) {
      each_attribute(message, sizeof(tcmsg), [&](int type, const nlattr* options) {
        if (type != TCA_OPTIONS) return;
        each_nested(options, [&](int option, const nlattr* a) {
          if (option == TCA_BPF_FLAGS) acts = (mnl_attr_get_u32(a) & TCA_BPF_FLAG_ACT_DIRECT) != 0;
          if (option != TCA_BPF_OPS) return;
          program.resize(mnl_attr_get_payload_len(a) / sizeof(sock_filter));
          std::memcpy(program.data(), mnl_attr_get_payload(a), program.size() * sizeof(sock_filter));
        });
      });
    });
  } catch (const base::Error& e) {
    if (e.code() != ENOENT && e.code() != EINVAL && e.code() != ENODEV) throw;  // no filter, no clsact, no interface
  }
  auto sources = sources_of(program);
  if (!acts || bytes_of(program_of(sources)) != bytes_of(program)) return std::nullopt;
  return sources;
}

std::set<int> Netlink::filtering_interfaces() {
  RequestBuilder m(RTM_GETQDISC, NLM_F_DUMP);
  m.extra<tcmsg>();
  std::set<int> result;
  socket_.ask(m.get(), [&](const nlmsghdr* message) {
    each_attribute(message, sizeof(tcmsg), [&](int type, const nlattr* a) {
      if (type == TCA_KIND && std::string_view(mnl_attr_get_str(a)) == "clsact")
        result.insert(static_cast<const tcmsg*>(mnl_nlmsg_get_payload(message))->tcm_ifindex);
    });
  });
  return result;
}

}  // namespace conductor::linux
