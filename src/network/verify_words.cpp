#include "network/verify_words.hpp"

#include "base/text.hpp"
#include "network/graph.hpp"
#include "network/observed_table.hpp"

#include <algorithm>

namespace conductor::network {

namespace {

bool is_protocol(const std::string& word) { return word == "tcp" || word == "udp"; }

// "tcp 5432", "tcp 9000-9100", "every tcp port".
std::string port_words(const std::string& protocol, const std::string& ports) {
  return ports == "0-65535" ? "every " + protocol + " port" : protocol + " " + ports;
}

// A family is said where it is not the usual one.
std::string family_words(const std::string& address) {
  return address.find(':') == std::string::npos ? "" : " over IPv6";
}

// The set's name without the family it is for: "links6" and "links_v6" are "links".
std::string_view base_name(std::string_view set) {
  for (const std::string_view suffix : {"_v6", "_6", "6"})
    if (set.ends_with(suffix)) return set.substr(0, set.size() - suffix.size());
  return set;
}

// Fields of an element, each a name where it is an address, in their order.
std::string plain_words(const std::vector<std::string>& fields, const AddressBook& book) {
  std::vector<std::string> words;
  for (const auto& field : fields) words.push_back(book.name(field));
  return base::join(words, " . ");
}

// source . destination [. protocol . ports]
Permission peer_permission(const std::vector<std::string>& fields, const AddressBook& book) {
  const std::string ports = fields.size() < 4 ? "on every port" : "on " + port_words(fields[2], fields[3]);
  return {book.name(fields[0]), "reach " + book.name(fields[1]) + " " + ports + family_words(fields[0])};
}

// source [. networks] [. protocol . ports]
Permission outside_permission(const std::vector<std::string>& fields, const AddressBook& book) {
  std::string action = "reach ";
  action += fields.size() > 1 && !is_protocol(fields[1]) ? fields[1] : "the internet";
  if (fields.size() > 2 && is_protocol(fields[fields.size() - 2]))
    action += " on " + port_words(fields[fields.size() - 2], fields.back());
  return {book.name(fields[0]), action + family_words(fields[0])};
}

// [host address .] protocol . port(s) [: address [. port]]
Permission published_permission(const char* who, const std::vector<std::string>& fields, const AddressBook& book) {
  const auto protocol = std::find_if(fields.begin(), fields.end(), is_protocol);
  if (protocol == fields.end() || protocol + 1 == fields.end()) return {who, plain_words(fields, book)};
  const std::string host = protocol == fields.begin() ? "the host" : fields.front();
  const auto target = std::find_if(protocol + 2, fields.end(),
                                   [](const std::string& field) { return linux::parse_ip(field).has_value(); });
  std::string action = "reach ";
  action += target == fields.end() ? "a published port" : book.name(*target);
  if (target != fields.end() && target + 1 != fields.end()) action += "'s port " + *(target + 1);
  action += " at " + host + " on " + port_words(*protocol, *(protocol + 1));
  return {who, action + (target == fields.end() ? "" : family_words(*target))};
}

}  // namespace

AddressBook::AddressBook(const Settings& settings, const std::vector<Endpoint>& endpoints)
    : range_(settings.range()), range6_(settings.range6()), ipv6_(settings.ipv6()) {
  for (const Endpoint& endpoint : endpoints) {
    for (const auto& address : addresses_of(settings, endpoint)) by_address_[address] = &endpoint;
    if (!endpoint.interface.empty()) by_interface_[endpoint.interface] = display_name(endpoint);
  }
}

const Endpoint* AddressBook::find(const linux::IpAddress& address) const {
  const auto found = by_address_.find(address);
  return found == by_address_.end() ? nullptr : found->second;
}

std::string AddressBook::name(std::string_view address) const {
  const auto parsed = linux::parse_ip(address);
  if (!parsed) return std::string(address);
  if (const Endpoint* endpoint = find(*parsed)) return display_name(*endpoint);
  const bool ours = range_.contains(*parsed) || (ipv6_ && range6_.contains(*parsed));
  return std::string(address) + (ours ? " (no container)" : "");
}

std::string AddressBook::of_interface(const std::string& interface) const {
  const auto found = by_interface_.find(interface);
  return found == by_interface_.end() ? "" : found->second;
}

Permission permission(const std::string& set, const std::string& element, const AddressBook& book) {
  const auto fields = element_fields(element);
  const std::string_view kind = base_name(set);
  const std::size_t size = fields.size();
  const bool here = kind.starts_with("published_here");
  if ((kind == "links" || kind == "link_ranges") && size == 4) return peer_permission(fields, book);
  if (kind == "links_all" && size == 2) return peer_permission(fields, book);
  if (kind == "linked" && size == 2)
    return {book.name(fields[0]), "ping " + book.name(fields[1]) + family_words(fields[0])};
  if (kind.starts_with("internet") && size >= 1) return outside_permission(fields, book);
  if (kind.starts_with("host_ports") && size == 3)
    return {book.name(fields[0]),
            "reach services of the host on " + port_words(fields[1], fields[2]) + family_words(fields[0])};
  if (kind.starts_with("published") && size >= 3)
    return published_permission(here ? "the host" : "whoever asks", fields, book);
  if (kind == "name_servers" && size == 1) return {"whoever has internet", "ask the name server " + fields[0]};
  return {"whoever it concerns", "do what " + plain_words(fields, book) + " of set " + set + " stands for"};
}

std::vector<std::string> endpoints_in(const std::string& element, const AddressBook& book) {
  std::vector<std::string> ids;
  for (const auto& field : element_fields(element)) {
    const auto address = linux::parse_ip(field);
    const Endpoint* endpoint = address ? book.find(*address) : nullptr;
    if (endpoint != nullptr && std::find(ids.begin(), ids.end(), endpoint->id) == ids.end())
      ids.push_back(endpoint->id);
  }
  return ids;
}

Finding missing_element(const std::string& set, const std::string& element, const AddressBook& book) {
  const auto [subject, action] = permission(set, element, book);
  return {Finding::Kind::missing, "link", subject + " may " + action + ": the table lacks it",
          endpoints_in(element, book)};
}

Finding extra_element(const std::string& set, const std::string& element, const AddressBook& book) {
  const auto [subject, action] = permission(set, element, book);
  return {Finding::Kind::extra, "link", "an element lets " + subject + " " + action + ", which nobody declared",
          endpoints_in(element, book)};
}

}  // namespace conductor::network
