// What verify and probe decide, without a kernel: listings read back, elements as sentences, differences, plans.
#include "network/attachment.hpp"
#include "network/probe_plan.hpp"
#include "network/verify_host.hpp"
#include "network/verify_inside.hpp"
#include "network/verify_table.hpp"
#include "network/verify_words.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <set>

using namespace conductor::network;
namespace linux = conductor::linux;
using Texts = std::vector<std::string>;

namespace {

const char* const listing = R"(table inet conductor {
	set links {
		type ipv4_addr . ipv4_addr . inet_proto . inet_service
		elements = { 10.231.0.2 . 10.231.0.3 . tcp . 5432,
			     10.231.0.2 . 10.231.0.3 . udp . 53 }
	}

	set link_ranges {
		type ipv4_addr . ipv4_addr . inet_proto . inet_service
		flags interval
	}

	map published {
		type inet_proto . inet_service : ipv4_addr . inet_service
		elements = { tcp . 3000 : 10.231.0.3 . 8080 comment "a, } b" }
	}

	chain input {
		type filter hook input priority filter; policy accept;
		iifname "cdr*" goto from_endpoint
	}

	chain refuse {
		meta l4proto { tcp, udp } reject with tcp reset
	}
}
)";

Endpoint endpoint(const std::string& name, linux::Ipv4 address) {
  Endpoint result;
  result.id = "id-of-" + name;
  result.address = address;
  result.interface = "cdr" + name;
  result.config.names = {name};
  return result;
}

Settings ipv4_only() {
  Settings settings;
  settings.table = "conductor";
  settings.interface_prefix = "cdr";
  return settings;
}

// "web" (10.231.0.2) with a link to "db" (10.231.0.3).
struct World {
  Settings settings = ipv4_only();
  std::vector<Endpoint> endpoints{endpoint("web", 0x0ae70002), endpoint("db", 0x0ae70003)};
  World() {
    Link link;
    link.peer = "db";
    link.protocol = Protocol::tcp;
    link.first_port = 5432;
    endpoints.front().config.links = {link};
  }
  AddressBook book() const { return {settings, endpoints}; }
};

Texts texts(const std::vector<Finding>& findings) {
  Texts result;
  for (const auto& finding : findings) result.push_back(finding.text);
  return result;
}

linux::PolicyRule rule(std::uint32_t priority) {
  linux::PolicyRule result;
  result.priority = priority;
  return result;
}

}  // namespace

TEST_CASE("a listed table is read back") {
  const auto table = parse_table(listing);
  CHECK(table.others.empty());
  REQUIRE(table.sets.size() == 3);
  CHECK(table.sets.at("links").elements ==
        std::set<std::string>{"10.231.0.2 . 10.231.0.3 . tcp . 5432", "10.231.0.2 . 10.231.0.3 . udp . 53"});
  CHECK(table.sets.at("link_ranges").elements.empty());
  CHECK(table.sets.at("link_ranges").properties.back() == "flags interval");
  CHECK(table.sets.at("published").elements ==
        std::set<std::string>{"tcp . 3000 : 10.231.0.3 . 8080 comment \"a, } b\""});
  REQUIRE(table.chains.size() == 2);
  CHECK(table.chains.at("input").size() == 2);
  CHECK(table.chains.at("refuse") == Texts{"meta l4proto { tcp, udp } reject with tcp reset"});
  CHECK(parse_table("").chains.empty());
  CHECK(parse_table("table inet x {\n\tflags dormant\n}\n").others == Texts{"flags dormant"});
  // Whatever is cut off does not make it run away.
  for (std::size_t size = 0; size < std::string(listing).size(); ++size)
    CHECK_NOTHROW(parse_table(std::string(listing).substr(0, size)));
}

TEST_CASE("how long an element lives is no part of what it says") {
  const auto table = parse_table("table inet x {\nset s {\nelements = { 10.0.0.1 expires 5s, 10.0.0.2 }\n}\n}\n");
  CHECK(table.sets.at("s").elements == std::set<std::string>{"10.0.0.1", "10.0.0.2"});
}

TEST_CASE("elements are told as what they allow") {
  const World world;
  const auto book = world.book();
  const auto words = [&](const char* set, const char* element) {
    const auto [subject, action] = permission(set, element, book);
    return subject + " | " + action;
  };
  CHECK(words("links", "10.231.0.2 . 10.231.0.3 . tcp . 5432") == "web | reach db on tcp 5432");
  CHECK(words("links_all", "10.231.0.2 . 10.231.0.9") == "web | reach 10.231.0.9 (no container) on every port");
  CHECK(words("link_ranges", "10.231.0.3 . 10.231.0.2 . udp . 0-65535") == "db | reach web on every udp port");
  CHECK(words("linked", "10.231.0.2 . 10.231.0.3") == "web | ping db");
  CHECK(words("linked6", "fd00::2 . fd00::3") == "fd00::2 | ping fd00::3 over IPv6");
  CHECK(words("internet", "10.231.0.2") == "web | reach the internet");
  CHECK(words("internet_to", "10.231.0.2 . 192.0.2.0/24") == "web | reach 192.0.2.0/24");
  CHECK(words("internet_to_ports", "10.231.0.2 . 192.0.2.7 . tcp . 443") == "web | reach 192.0.2.7 on tcp 443");
  CHECK(words("host_ports", "10.231.0.2 . tcp . 5432") == "web | reach services of the host on tcp 5432");
  CHECK(words("published", "tcp . 3000 : 10.231.0.3 . 8080") ==
        "whoever asks | reach db's port 8080 at the host on tcp 3000");
  CHECK(words("published_here_on", "192.0.2.1 . udp . 53 : 10.231.0.3 . 53") ==
        "the host | reach db's port 53 at 192.0.2.1 on udp 53");
  CHECK(words("name_servers", "192.0.2.53") == "whoever has internet | ask the name server 192.0.2.53");
  CHECK_THAT(words("something_new", "10.231.0.2 . 7"), Contains("web . 7"));
  CHECK_THAT(words("links", "garbage"), Contains("garbage"));
}

TEST_CASE("differences of tables are told part by part") {
  const World world;
  const auto expected = parse_table(listing);
  CHECK(compare_tables(expected, expected, world.book()).empty());
  auto observed = expected;
  observed.chains["refuse"].clear();
  observed.sets["links"].elements.erase("10.231.0.2 . 10.231.0.3 . tcp . 5432");
  observed.sets["published"].elements.insert("tcp . 1 : 10.231.0.2 . 22");
  CHECK(texts(compare_tables(expected, observed, world.book())) ==
        Texts{"chain refuse is empty: 1 rules are gone", "web may reach db on tcp 5432: the table lacks it",
              "an element lets whoever asks reach web's port 22 at the host on tcp 1, which nobody declared"});
  observed = expected;
  observed.chains.erase("refuse");
  observed.sets.erase("links");
  observed.chains["more"] = {};
  CHECK(texts(compare_tables(expected, observed, world.book())) ==
        Texts{"the table lacks chain refuse", "the table has a chain more, which is not ours",
              "the table lacks set links"});
  observed = expected;
  std::swap(observed.chains["input"][0], observed.chains["input"][1]);
  CHECK(texts(compare_tables(expected, observed, world.book())) ==
        Texts{"the rules of chain input stand in another order"});
}

TEST_CASE("policy rules: missing, changed, and those of others in front") {
  const World world;
  const std::vector ranges{world.settings.range()};
  auto to_range = rule(91), marked = rule(89);
  to_range.to = ranges.front();
  to_range.prohibit = true;
  marked.mark = marked.mark_mask = world.settings.mark;
  const std::vector expected{marked, to_range};
  const auto compare = [&](std::vector<linux::PolicyRule> observed) {
    return texts(compare_rules(world.settings, expected, observed, ranges, {"up0"}));
  };
  CHECK(compare({rule(0), marked, to_range, rule(32766)}).empty());
  CHECK(compare({rule(0), marked}) == Texts{"IPv4 rule 91 (to 10.231.0.0/16 prohibit) is missing"});
  auto changed = to_range;
  changed.prohibit = false;
  CHECK(compare({marked, changed}) ==
        Texts{"IPv4 rule 91 (to 10.231.0.0/16 prohibit) says \"to 10.231.0.0/16 lookup main\" instead"});

  auto foreign = rule(20);
  CHECK(compare({marked, to_range, foreign}).size() == 1);  // from all
  foreign.input_interface = "eth7";
  CHECK(compare({marked, to_range, foreign}).empty());  // not where containers' packets come from
  foreign.input_interface = "up0";
  CHECK(compare({marked, to_range, foreign}).size() == 1);
  foreign = rule(20);
  foreign.from = linux::parse_prefix("192.0.2.0/24");
  CHECK(compare({marked, to_range, foreign}).empty());
  foreign.from = linux::parse_prefix("10.0.0.0/8");
  CHECK(compare({marked, to_range, foreign}).size() == 1);
  foreign.v6 = true;
  CHECK(compare({marked, to_range, foreign}).empty());
  auto others_mark = marked;
  others_mark.priority = 40;
  CHECK(compare({others_mark, marked, to_range}).empty());  // another instance's
}

TEST_CASE("the inside of a namespace is compared value by value") {
  const World world;
  const auto book = world.book();
  const Endpoint& web = world.endpoints.front();
  const std::set<InnerRoute> declared{{web.id, linux::IpAddress(0x0ae70003), 32}};
  NetworkState inside;
  inside.links = {
      {1, "lo", 0, 65536, true, true}, {2, "eth0", 0, 1500, true, true}, {3, "sit0", 0, 1480, false, false}};
  inside.addresses = {{1, linux::IpAddress(0x7f000001), 8}, {2, web.address, 32}};
  linux::Route to_host, to_db;
  to_host.destination = gateway_of(false);
  to_host.interface = to_db.interface = 2;
  to_db.destination = 0x0ae70003;
  to_db.gateway = gateway_of(false);
  inside.routes = {to_host, to_db};
  inside.neighbours[2] = {{2, gateway_of(false), host_mac(web), true}};
  inside.rules = {rule(0), rule(32766), rule(32767)};
  inside.rules.front().table = 255;
  inside.rules.back().table = 253;
  const auto compare = [&] { return texts(compare_inside(world.settings, web, declared, inside, book)); };
  CHECK(compare().empty());

  inside.routes.back().destination = linux::parse_ip("10.0.0.0").value();
  inside.routes.back().prefix_length = 8;
  CHECK(compare() == Texts{"inside web there is a route to 10.0.0.0/8 that nobody declared",
                           "inside web there is no route to db (10.231.0.3)"});
  inside.routes.back() = to_db;
  inside.routes.back().gateway = linux::parse_ip("192.0.2.1");  // through somebody else
  CHECK(compare().size() == 2);
  inside.routes.back() = to_db;
  inside.neighbours[2].front().mac = "badbad";
  CHECK(compare().size() == 1);
  inside.links.erase(inside.links.begin() + 1);
  CHECK(compare() == Texts{"inside web there is no eth0"});
}

TEST_CASE("probes cover every declared edge and a sample of what is not declared") {
  World world;
  const auto plan = [&](const std::vector<std::string>& ids, std::size_t undeclared = most_undeclared) {
    return plan_probes(world.settings, world.endpoints, ids, undeclared);
  };
  const auto count = [](const std::vector<ProbeTask>& tasks, bool declared) {
    return std::count_if(tasks.begin(), tasks.end(), [&](const ProbeTask& t) { return t.declared == declared; });
  };
  auto tasks = plan({});
  CHECK(count(tasks, true) == 2);   // web to db: TCP and ping
  CHECK(count(tasks, false) == 5);  // another port of TCP, UDP; back: TCP, UDP, ping
  CHECK(target_words(tasks.front()) == "db on tcp 5432 (10.231.0.3)");
  CHECK(plan({"id-of-web"}).empty());
  CHECK(count(plan({}, 0), false) == 0);
  CHECK(count(plan({}, 2), false) <= 2);
  CHECK(count(plan({}, 2), true) == 2);
  for (const auto& task : tasks)
    if (!task.declared && task.to == &world.endpoints[1] && task.kind == ProbeTask::Kind::tcp)
      CHECK(task.port == sample_port);  // its open port is open to the only other one

  SECTION("others must not use what somebody may") {
    world.endpoints.push_back(endpoint("other", 0x0ae70004));
    tasks = plan({});
    CHECK(std::any_of(tasks.begin(), tasks.end(), [&](const ProbeTask& task) {
      return task.from == &world.endpoints[2] && task.to == &world.endpoints[1] && task.port == 5432 && !task.declared;
    }));
  }
  SECTION("of everything there is nothing undeclared") {
    world.endpoints.front().config.links.front() = Link{"db", Protocol::any, 0, 0, ""};
    tasks = plan({});
    CHECK(count(tasks, true) == 3);
    CHECK(std::none_of(tasks.begin(), tasks.end(),
                       [&](const ProbeTask& t) { return t.from == &world.endpoints[0] && !t.declared; }));
  }
  SECTION("of many pairs there is a sample, and every declared edge") {
    for (linux::Ipv4 i = 0; i < 200; ++i) world.endpoints.push_back(endpoint("e" + std::to_string(i), 0x0ae70100 + i));
    tasks = plan({}, 500);
    CHECK(count(tasks, true) == 2);
    CHECK(count(tasks, false) <= 500);
    CHECK(count(tasks, false) >= 100);
    std::set<const Endpoint*> sources;
    for (const auto& task : tasks) sources.insert(task.from);
    CHECK(sources.size() > 50);  // spread over all of them
  }
  SECTION("services of the host") {
    world.endpoints.front().config.host_ports = {{Protocol::tcp, 5432, 5432}};
    const Endpoint host = endpoint("the host", 0);
    tasks = plan_host_probes(world.settings, world.endpoints, {}, host);
    CHECK(count(tasks, true) == 1);
    CHECK(count(tasks, false) == 4);  // a port of TCP and of UDP, of each
    CHECK(target_words(tasks.front()) == "the host on tcp 5432 (169.254.1.1)");
  }
  SECTION("both ends of a range") {
    world.endpoints.front().config.links.front() = Link{"db", Protocol::udp, 9000, 9100, ""};
    tasks = plan({});
    CHECK(count(tasks, true) == 3);
  }
}

TEST_CASE("a finding has the ids of the endpoints whose addresses its element has, each once") {
  const std::vector<Endpoint> endpoints{endpoint("a", 0x0ae70002), endpoint("b", 0x0ae70003)};
  const AddressBook book(ipv4_only(), endpoints);
  CHECK(missing_element("links", "10.231.0.2 . 10.231.0.3 . tcp . 5432", book).ids == Texts{"id-of-a", "id-of-b"});
  CHECK(extra_element("links_all", "10.231.0.9 . 10.231.0.3", book).ids == Texts{"id-of-b"});
  CHECK(extra_element("internet", "10.231.0.2", book).ids == Texts{"id-of-a"});
  CHECK(extra_element("linked", "10.231.0.2 . 10.231.0.2", book).ids == Texts{"id-of-a"});
  CHECK(missing_element("name_servers", "192.0.2.1", book).ids.empty());
}
