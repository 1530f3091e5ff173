// From the YAML tree to the structs of compose_file.hpp: what a level of the file may hold is one table, a row a key.
#pragma once

#include "parser/compose_file.hpp"
#include "parser/diagnostics.hpp"
#include "parser/yaml_tree.hpp"

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace conductor::parser {

class ComposeReader;

// How the value of a key gets into its owner. Mistakes go to the reader; the owner then keeps any value. A key that is
// `refused` has no reader but the reason why it cannot be honoured.
template <class Owner>
struct Key {
  std::string_view name;
  void (*read)(ComposeReader&, const YamlNode&, Owner&);
  std::string_view refused{};
};

// A level of the file. `later` are names of the specification on which nothing acts yet.
template <class Owner>
struct Level {
  std::string_view what;  // "a service"
  std::span<const Key<Owner>> keys;
  std::span<const std::string_view> later;
};

template <class Member>
struct MemberOf;
template <class Class, class Value>
struct MemberOf<Value Class::*> {
  using Owner = Class;
};

// A row's reader: the member, and the conversion of its value.
template <auto Member, auto Convert>
void into(ComposeReader& reader, const YamlNode& node, typename MemberOf<decltype(Member)>::Owner& owner) {
  owner.*Member = Convert(reader, node);
}

class ComposeReader {
 public:
  using Variables = std::function<std::optional<std::string>(const std::string&)>;

  ComposeReader(Diagnostics& diagnostics, const Variables& lookup, std::vector<base::Diagnostic>* warnings)
      : diagnostics_(diagnostics), lookup_(lookup), warnings_(warnings) {}

  // Replaces ${…} in all values, but not below the extensions (x-…) of others.
  void interpolate_values(YamlNode& node);

  void error(const base::Position& position, std::string message, std::string hint = {}) {
    diagnostics_.error(position, std::move(message), std::move(hint));
  }
  bool full() const { return diagnostics_.full(); }
  void warning(const base::Position& position, std::string message);
  std::optional<std::string> variable(const std::string& name) const { return lookup_(name); }

  // Reads a map by its table; null is an empty one. Refuses every key the table lacks, except extensions.
  template <class Owner>
  void read(const YamlNode& node, const Level<Owner>& level, Owner& owner) {
    if (!is_map(node, level.what)) return;
    for (const auto& entry : node.entries) {
      const std::string outer = enter(entry);
      const Key<Owner>* found = nullptr;
      for (const auto& key : level.keys)
        if (key.name == entry.key) found = &key;
      if (found != nullptr && !found->refused.empty())
        error(entry.position, show(entry.key) + " is not supported", std::string(found->refused));
      else if (found != nullptr)
        found->read(*this, entry.value, owner);
      else if (!entry.key.starts_with("x-"))
        refuse(entry, names_of(level), level.later, level.what);
      path_ = outer;
    }
  }

  // Where the places of keys are noted while `body` runs, by their path from here.
  template <class Body>
  void noting(std::map<std::string, base::Position>& places, Body&& body) {
    places_ = &places;
    path_.clear();
    body();
    places_ = nullptr;
  }

  // The place of an item of the list that is being read: "expose.0".
  void note_item(std::size_t index, const base::Position& position) {
    if (places_ != nullptr) (*places_)[path_ + "." + std::to_string(index)] = position;
  }

  // Runs what throws base::Error about a text, and gives the error the place of `node`.
  template <class Body>
  void at(const YamlNode& node, Body&& body) {
    try {
      body();
    } catch (const base::Error& problem) {
      error(node.position, problem.message());
    }
  }

  // The same with the text of a scalar; anything else is reported.
  template <class Body>
  void at_text(const YamlNode& node, Body&& body) {
    if (node.kind == YamlNode::Kind::scalar)
      at(node, [&] { body(node.text); });
    else
      error(node.position, "expected a string");
  }

  bool is_map(const YamlNode& node, std::string_view what);
  bool is_list(const YamlNode& node, std::string_view what);

 private:
  Diagnostics& diagnostics_;
  const Variables& lookup_;
  std::vector<base::Diagnostic>* warnings_;
  std::map<std::string, base::Position>* places_ = nullptr;
  std::string path_;

  std::string enter(const YamlEntry& entry);
  void refuse(const YamlEntry& entry, std::vector<std::string> known, std::span<const std::string_view> later,
              std::string_view what);

  template <class Owner>
  static std::vector<std::string> names_of(const Level<Owner>& level) {
    std::vector<std::string> names;
    for (const auto& key : level.keys) names.emplace_back(key.name);
    return names;
  }
};

// --- conversions: what a value must be; a mistake is reported and answers an empty value --------------------------

std::string text(ComposeReader& reader, const YamlNode& node);  // numbers and booleans are taken as written
bool boolean(ComposeReader& reader, const YamlNode& node);
int count(ComposeReader& reader, const YamlNode& node);
std::optional<std::int64_t> size(ComposeReader& reader, const YamlNode& node);           // bytes
std::optional<std::int64_t> size_or_all(ComposeReader& reader, const YamlNode& node);    // -1: no limit
std::optional<std::int64_t> number_or_all(ComposeReader& reader, const YamlNode& node);  // -1: no limit
std::optional<double> decimal(ComposeReader& reader, const YamlNode& node);
std::chrono::nanoseconds duration(ComposeReader& reader, const YamlNode& node);
std::optional<std::chrono::nanoseconds> some_duration(ComposeReader& reader, const YamlNode& node);
std::vector<std::string> texts(ComposeReader& reader, const YamlNode& node);  // a list
std::vector<std::string> text_or_texts(ComposeReader& reader, const YamlNode& node);
std::optional<std::vector<std::string>> words(ComposeReader& reader,
                                              const YamlNode& node);  // a command line, or its words
// A map, or a list of "name=value"; a name alone has no value.
std::map<std::string, std::optional<std::string>> variables(ComposeReader& reader, const YamlNode& node);
std::map<std::string, std::string> labels(ComposeReader& reader,
                                          const YamlNode& node);  // a name alone has the empty value
// "name:address" each, from a list or a map; the address may hold colons itself.
std::vector<std::string> extra_hosts(ComposeReader& reader, const YamlNode& node);
// The same of a service, where an address may also be `host-gateway`: the host's own.
std::vector<std::string> service_hosts(ComposeReader& reader, const YamlNode& node);

// Letters, digits, '.', '_' and '-': services and volumes.
bool is_key_name(std::string_view name);

// Calls `body` with a scalar, or with each item of a list of them; anything else is reported.
template <class Body>
void for_each_text(ComposeReader& reader, const YamlNode& node, std::string_view what, Body&& body) {
  if (node.kind == YamlNode::Kind::scalar) return body(node);
  if (!reader.is_list(node, what)) return;
  for (const auto& item : node.items)
    if (item.kind == YamlNode::Kind::scalar)
      body(item);
    else
      text(reader, item);
}

// --- levels of their own files --------------------------------------------------------------------------------------

Service read_service(ComposeReader& reader, const YamlEntry& entry);
std::optional<BuildSection> build_section(ComposeReader& reader, const YamlNode& node);
std::optional<HealthcheckSection> healthcheck_section(ComposeReader& reader, const YamlNode& node);
std::vector<Dependency> dependencies(ComposeReader& reader, const YamlNode& node);
std::vector<EnvFile> env_files(ComposeReader& reader, const YamlNode& node);
std::vector<Placed<PortMapping>> port_mappings(ComposeReader& reader, const YamlNode& node);
std::vector<Placed<VolumeMount>> volume_mounts(ComposeReader& reader, const YamlNode& node);

// What a service may reach, and who may reach it (compose_reach.cpp).
void read_peers(ComposeReader& reader, const YamlNode& node, Service& service);
void read_links(ComposeReader& reader, const YamlNode& node, Service& service);
void read_external_links(ComposeReader& reader, const YamlNode& node, Service& service);
void read_allow_peers(ComposeReader& reader, const YamlNode& node, Service& service);
void read_expose(ComposeReader& reader, const YamlNode& node, Service& service);
void read_internet(ComposeReader& reader, const YamlNode& node, Service& service);
void read_host(ComposeReader& reader, const YamlNode& node, Service& service);
std::string publish_scope(ComposeReader& reader, const YamlNode& node);

// Networks, and how a service is in them (compose_networks.cpp).
std::string network_mode(ComposeReader& reader, const YamlNode& node);
std::optional<std::vector<ServiceNetwork>> service_networks(ComposeReader& reader, const YamlNode& node);
void read_networks(ComposeReader& reader, const YamlNode& node, ComposeFile& file);
// Keys that contradict the service's network_mode.
void check_network_mode(ComposeReader& reader, const Service& service);

// Names and settings of the resolver (compose_names.cpp).
std::vector<std::string> name_servers(ComposeReader& reader, const YamlNode& node);
std::vector<std::string> search_domains(ComposeReader& reader, const YamlNode& node);
std::vector<std::string> resolver_options(ComposeReader& reader, const YamlNode& node);
std::string host_name(ComposeReader& reader, const YamlNode& node);

// Between services (compose_references.cpp): every name must be declared, a link must be possible, nobody may wait for
// itself. Adds the dependencies that `links` and `network_mode: service:NAME` imply.
void check_references(ComposeReader& reader, ComposeFile& file);

}  // namespace conductor::parser
