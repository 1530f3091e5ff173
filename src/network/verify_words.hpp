// What a finding says: containers by name, and the elements of the table as sentences.
#pragma once

#include "network/network.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace conductor::network {

// Who has an address, or the host's end of an interface.
class AddressBook {
 public:
  AddressBook(const Settings& settings, const std::vector<Endpoint>& endpoints);
  // "web"; "10.231.0.9 (no container)" for one of the instance's ranges that nobody has; else the text as it is.
  std::string name(std::string_view address) const;
  // "web", or nothing.
  std::string of_interface(const std::string& interface) const;
  const Endpoint* find(const linux::IpAddress& address) const;  // into the list given

 private:
  linux::IpPrefix range_, range6_;
  bool ipv6_ = false;
  std::map<linux::IpAddress, const Endpoint*> by_address_;
  std::map<std::string, std::string> by_interface_;
};

// What an element of a set or map allows: "web" "reach db on tcp 5432".
struct Permission {
  std::string subject, action;
};
Permission permission(const std::string& set, const std::string& element, const AddressBook& book);

// Whose addresses an element has, each endpoint's id once.
std::vector<std::string> endpoints_in(const std::string& element, const AddressBook& book);

// An element the table lacks, and one it has too many.
Finding missing_element(const std::string& set, const std::string& element, const AddressBook& book);
Finding extra_element(const std::string& set, const std::string& element, const AddressBook& book);

}  // namespace conductor::network
