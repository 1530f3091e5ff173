// The table's text: one for all, whatever the number of endpoints.
#include "base/text.hpp"
#include "network/firewall_text.hpp"
#include "network_samples.hpp"
#include "support/catch.hpp"

using namespace conductor::network;
namespace base = conductor::base;
namespace linux = conductor::linux;
using test::endpoint;
using test::settings_with_ipv6;

namespace {

const std::vector<linux::IpPrefix> ranges{*linux::parse_prefix("10.231.0.0/16"), *linux::parse_prefix("172.20.0.0/24"),
                                          *linux::parse_prefix("fd12:3456:789a:1::/64")};

// Lines inside chains that are neither hooks nor braces.
int rules_in(const std::string& text) {
  int rules = 0;
  bool in_chain = false;
  for (const auto& raw : base::split(text, '\n')) {
    const auto line = base::trim(raw);
    if (line.starts_with("chain "))
      in_chain = true;
    else if (line == "}")
      in_chain = false;
    else if (in_chain && !line.starts_with("type "))
      ++rules;
  }
  return rules;
}

std::vector<Endpoint> many(int count) {
  std::vector<Endpoint> endpoints;
  for (int i = 0; i < count; ++i) {
    auto e = endpoint("e" + std::to_string(i), 2 + i);
    e.config.internet = true;
    e.config.host_ports = {{Protocol::tcp, 5432, 0}};
    e.config.publish = {{"", 10000 + i, 80, 1, Protocol::tcp, {}}};
    e.config.links = {test::link_to("e" + std::to_string((i + 1) % count), 80)};
    endpoints.push_back(e);
  }
  return endpoints;
}

}  // namespace

TEST_CASE("the table's text holds ranges, name servers and elements") {
  auto a = endpoint("a", 2);
  a.config.internet = true;
  a.config.publish = {{"", 3000, 8080, 1, Protocol::tcp, {}}};
  const auto text = table_text(settings_with_ipv6(), ranges, {"192.0.2.53", "2001:db8::53"},
                               firewall_elements(settings_with_ipv6(), {a}));
  CHECK(text.starts_with("table inet conductor {\n"));
  for (const char* line :
       {"set ranges { type ipv4_addr; flags interval; elements = { 10.231.0.0/16, 172.20.0.0/24 }; }",
        "set ranges6 { type ipv6_addr; flags interval; elements = { fd12:3456:789a:1::/64 }; }",
        "set name_servers { type ipv4_addr; elements = { 192.0.2.53 }; }",
        "set name_servers6 { type ipv6_addr; elements = { 2001:db8::53 }; }",
        "set internet { type ipv4_addr; elements = { 10.231.0.2 }; }",
        "set links { type ipv4_addr . ipv4_addr . inet_proto . inet_service; }",
        "set links6 { type ipv6_addr . ipv6_addr . inet_proto . inet_service; }",
        "elements = { tcp . 3000 : 10.231.0.2 . 8080 };", "iifname \"cdr*\" goto from_endpoint",
        "meta mark set meta mark or 65536 accept"})
    CHECK_THAT(text, Contains(line));
  for (const char* word : {"PREFIX", "ADDR", "MARK"}) CHECK_THAT(text, !Contains(word));
}

TEST_CASE("thousands of elements add no rule, and there are few") {
  const auto settings = settings_with_ipv6();
  const auto none = table_text(settings, ranges, {}, {});
  const auto elements = firewall_elements(settings, many(1200));
  CHECK(elements.size() > 10000);
  CHECK(rules_in(none) <= 60);
  CHECK(rules_in(none) > 40);
  CHECK(rules_in(table_text(settings, ranges, {}, elements)) == rules_in(none));
}

TEST_CASE("every set has a twin, and is declared") {
  const auto text = table_text(settings_with_ipv6(), ranges, {}, {});
  const auto names = set_names();
  for (const auto& name : names) {
    CAPTURE(name);
    CHECK_THAT(text, Contains(" " + name + " { type "));
    const std::string twin = name.ends_with('6') ? name.substr(0, name.size() - 1) : name + "6";
    CHECK(std::find(names.begin(), names.end(), twin) != names.end());
  }
}

TEST_CASE("elements go to sets that are declared") {
  auto a = endpoint("a", 2), b = endpoint("b", 3);
  a.config.links = {test::link_to("b", 1), test::link_to("b", 5, 6)};
  b.config.links = {test::link_to("a", 0, 0, Protocol::any)};
  a.config.internet_to = {{"192.0.2.0/24", {}}, {"2001:db8::/32", {Protocol::tcp, 1, 2}}};
  b.config.internet = true;
  a.config.host_ports = {{Protocol::any, 53, 0}};
  a.config.publish = {{"", 1, 1, 1, Protocol::any, {}},
                      {"192.0.2.1", 2, 1, 1, Protocol::tcp, {}},
                      {"", 3, 1, 1, Protocol::tcp, PublishScope::host},
                      {"2001:db8::1", 4, 1, 1, Protocol::tcp, PublishScope::host}};
  const auto names = set_names();
  for (const Element& element : firewall_elements(settings_with_ipv6(), {a, b}))
    CHECK(std::find(names.begin(), names.end(), element.set) != names.end());
}
