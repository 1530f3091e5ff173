// Messages of rtnetlink(7): built from our values, and read back into them.
#pragma once

#include "linux/netlink.hpp"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include <string>
#include <vector>

namespace conductor::linux {

// One message being built; `payload` is room for attributes whose size is the caller's, beside what every request
// needs.
class RequestBuilder {
 public:
  RequestBuilder(int type, int flags, std::size_t payload = 0) : buffer_(usual_size + payload) {
    nlmsghdr* header = mnl_nlmsg_put_header(buffer_.data());
    header->nlmsg_type = static_cast<std::uint16_t>(type);
    header->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  }
  template <class T>
  T& extra() {
    return *static_cast<T*>(mnl_nlmsg_put_extra_header(get(), sizeof(T)));
  }
  void u8(int type, std::uint8_t value) { mnl_attr_put_u8(get(), attribute(type), value); }
  void u16(int type, std::uint16_t value) { mnl_attr_put_u16(get(), attribute(type), value); }
  void u32(int type, std::uint32_t value) { mnl_attr_put_u32(get(), attribute(type), value); }
  void address(int type, const IpAddress& value) { bytes(type, value.wire()); }
  void bytes(int type, const std::string& value) { mnl_attr_put(get(), attribute(type), value.size(), value.data()); }
  void text(int type, const std::string& value) { mnl_attr_put_strz(get(), attribute(type), value.c_str()); }
  template <class Body>
  void nest(int type, Body&& body) {
    nlattr* start = mnl_attr_nest_start(get(), attribute(type));
    body();
    mnl_attr_nest_end(get(), start);
  }
  nlmsghdr* get() { return static_cast<nlmsghdr*>(static_cast<void*>(buffer_.data())); }

 private:
  static std::uint16_t attribute(int type) { return static_cast<std::uint16_t>(type); }
  static constexpr std::size_t usual_size = 2048;
  std::vector<char> buffer_;  // aligned for every type, as operator new does
};

// Calls `visit` for every attribute after a fixed header of that size.
template <class Visit>
void each_attribute(const nlmsghdr* message, std::size_t fixed, Visit&& visit) {
  const auto* attribute = static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(message, fixed));
  const auto* end = static_cast<const char*>(mnl_nlmsg_get_payload_tail(message));
  const auto left = [&] {
    return static_cast<int>(end - static_cast<const char*>(static_cast<const void*>(attribute)));
  };
  for (; mnl_attr_ok(attribute, left()); attribute = mnl_attr_next(attribute))
    visit(mnl_attr_get_type(attribute), attribute);
}

template <class Visit>
void each_nested(const nlattr* parent, Visit&& visit) {
  const auto* attribute = static_cast<const nlattr*>(mnl_attr_get_payload(parent));
  const char* end = static_cast<const char*>(mnl_attr_get_payload(parent)) + mnl_attr_get_payload_len(parent);
  const auto left = [&] {
    return static_cast<int>(end - static_cast<const char*>(static_cast<const void*>(attribute)));
  };
  for (; mnl_attr_ok(attribute, left()); attribute = mnl_attr_next(attribute))
    visit(mnl_attr_get_type(attribute), attribute);
}

// What the kernel says in words about a refusal (NETLINK_EXT_ACK), or nothing.
std::string kernel_words(const nlmsghdr* answer, const nlmsgerr* refusal);

// `type` is RTM_NEW… or RTM_DEL…, `flags` are NLM_F_* besides NLM_F_REQUEST.
RequestBuilder route_message(int type, int flags, const Route& route);
RequestBuilder rule_message(int type, int flags, const PolicyRule& rule);

unsigned char family_of(bool v6);                 // AF_INET or AF_INET6
IpAddress read_address(const nlattr* attribute);  // by its length
LinkInfo read_link(const nlmsghdr* message);
InterfaceAddress read_interface_address(const nlmsghdr* message);
Neighbour read_neighbour(const nlmsghdr* message);
PolicyRule read_rule(const nlmsghdr* message);
Route read_route(const nlmsghdr* message);

}  // namespace conductor::linux
