// Host names, and what resolves them.
#include "parser/compose_reader.hpp"
#include "parser/substitution.hpp"

#include <algorithm>

namespace conductor::parser {

using Kind = YamlNode::Kind;

namespace {

// The addresses of hosts as written, one at a time: where, the name, the address, both as one text.
template <class Add>
void for_each_host(ComposeReader& reader, const YamlNode& node, Add&& add) {
  if (node.kind == Kind::map) {
    for (const auto& entry : node.entries)
      for (const auto& address : text_or_texts(reader, entry.value)) add(entry.value, entry.key + "=" + address);
  } else if (reader.is_list(node, "name=address, or a map")) {
    for (const auto& item : node.items)
      if (const std::string written = text(reader, item); item.kind == Kind::scalar) add(item, written);
  }
}

std::vector<std::string> checked_texts(ComposeReader& reader, const YamlNode& node, std::string_view what,
                                       void (*check)(const std::string&)) {
  std::vector<std::string> values;
  for_each_text(reader, node, what, [&](const YamlNode& item) {
    values.push_back(item.text);
    reader.at(item, [&] { check(item.text); });
  });
  return values;
}

// One word of resolv.conf(5)'s `options`.
void check_resolver_option(const std::string& option) {
  const auto fits = [](char c) { return is_name_char(c) || c == '-' || c == ':' || c == '.'; };
  if (option.empty() || !std::all_of(option.begin(), option.end(), fits))
    throw base::Error(show(option) + " is no option of the resolver; expected for example ndots:2 or use-vc");
}

// "." alone: no domain at all.
void check_search_domain(const std::string& domain) {
  if (domain != ".") check_host_name(domain);
}

}  // namespace

std::vector<std::string> extra_hosts(ComposeReader& reader, const YamlNode& node) {
  std::vector<std::string> result;
  for_each_host(reader, node, [&](const YamlNode& at, const std::string& written) {
    reader.at(at, [&] {
      const HostEntry host = parse_extra_host(written);
      result.push_back(host.name + ":" + host.address);
    });
  });
  return result;
}

std::vector<std::string> service_hosts(ComposeReader& reader, const YamlNode& node) {
  constexpr std::string_view gateway = "host-gateway";
  std::vector<std::string> result;
  for_each_host(reader, node, [&](const YamlNode& at, const std::string& written) {
    reader.at(at, [&] {
      const auto separator = written.find_first_of(":=");
      HostEntry host;
      if (separator != std::string::npos && written.substr(separator + 1) == gateway) {
        host = {written.substr(0, separator), std::string(gateway)};
        check_host_name(host.name);
      } else {
        host = parse_extra_host(written);
      }
      result.push_back(host.name + ":" + host.address);
    });
  });
  return result;
}

std::vector<std::string> name_servers(ComposeReader& reader, const YamlNode& node) {
  return checked_texts(reader, node, "addresses", check_name_server);
}

std::vector<std::string> search_domains(ComposeReader& reader, const YamlNode& node) {
  return checked_texts(reader, node, "domains", check_search_domain);
}

std::vector<std::string> resolver_options(ComposeReader& reader, const YamlNode& node) {
  if (node.kind == Kind::scalar) {
    reader.error(node.position, "expected a list of options");
    return {};
  }
  return checked_texts(reader, node, "options", check_resolver_option);
}

std::string host_name(ComposeReader& reader, const YamlNode& node) {
  constexpr std::size_t longest = 64;  // hostname(7)
  std::string name = text(reader, node);
  if (name.empty()) return name;
  reader.at(node, [&] {
    check_host_name(name);
    if (name.size() > longest || name.front() == '-')
      throw base::Error(show(name) + " is no host name: at most 64 characters, the first no dash");
  });
  return name;
}

}  // namespace conductor::parser
