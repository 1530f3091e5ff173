#include "base/error.hpp"
#include "cli/reach_words.hpp"
#include "support/catch.hpp"

using namespace conductor;
using network::Protocol;
using network::PublishScope;

namespace {
using Words = std::vector<std::string>;
using Kind = cli::NetworkWord::Kind;
}  // namespace

TEST_CASE("reach words: links, their ports and aliases") {
  CHECK(cli::to_link("db:5432") == network::Link{"db", Protocol::tcp, 5432, 5432, ""});
  CHECK(cli::to_link("db") == network::Link{"db", Protocol::any, 0, 0, ""});
  CHECK(cli::to_link("shop/db:9000-9100/udp") == network::Link{"shop/db", Protocol::udp, 9000, 9100, ""});
  CHECK(cli::to_alias("db:database") == network::Link{"db", Protocol::any, 0, 0, "database"});
  CHECK(cli::to_alias("db").alias.empty());
  for (const char* bad : {"", ":80", "db:0", "db:70000", "db:80/icmp", "a b", "db:90-80"})
    CHECK_THROWS(cli::to_link(bad));
  for (const char* bad : {"db:", "db:a b", ":a", "db:a\nb"}) CHECK_THROWS(cli::to_alias(bad));
}

TEST_CASE("reach words: published ports in docker's forms") {
  const network::Publish plain{"", 3000, 8080, 1, Protocol::tcp, {}};
  CHECK(cli::to_publish("3000:8080") == plain);
  CHECK(cli::to_publish("published=3000,target=8080") == plain);
  CHECK(cli::to_publish("target=8080,published=3000,protocol=tcp,mode=host") == plain);
  CHECK(cli::to_publish("127.0.0.1:3000:8080/udp") == network::Publish{"127.0.0.1", 3000, 8080, 1, Protocol::udp, {}});
  CHECK(cli::to_publish("[::1]:3000:8080") == network::Publish{"::1", 3000, 8080, 1, Protocol::tcp, {}});
  CHECK(cli::to_publish("8000-8010:9000-9010") == network::Publish{"", 8000, 9000, 11, Protocol::tcp, {}});
  CHECK(cli::to_publish("8000-8010:80") == network::Publish{"", 8000, 80, 1, Protocol::tcp, {}, 8010});
  CHECK(cli::to_publish("80") == network::Publish{"", 0, 80, 1, Protocol::tcp, {}});
  CHECK(cli::to_publish("127.0.0.1::80") == network::Publish{"127.0.0.1", 0, 80, 1, Protocol::tcp, {}});
  CHECK(cli::to_publish("target=80") == network::Publish{"", 0, 80, 1, Protocol::tcp, {}});
  CHECK(cli::to_publish("target=80,host_ip=::1,scope=loopback") ==
        network::Publish{"::1", 0, 80, 1, Protocol::tcp, PublishScope::loopback});
}

TEST_CASE("reach words: published ports that are none say what was expected") {
  CHECK_THROWS_WITH(cli::to_publish("published=80"), Contains("target=PORT"));
  CHECK_THROWS_WITH(cli::to_publish("target=80,scop=all"), Contains("did you mean 'scope'"));
  CHECK_THROWS_WITH(cli::to_publish("target=80,scope=everyone"), Contains("all, host or loopback"));
  CHECK_THROWS_WITH(cli::to_publish("3000:8080/sctp"), Contains("tcp or udp"));
  for (const char* bad : {"", "0", "a:b", "1:2:3:4", "80:", "70000:80", "1-3:1-2", "[::1:80:80"})
    CHECK_THROWS_AS(cli::to_publish(bad), base::Error);
}

TEST_CASE("reach words: ports of services and destinations outside") {
  CHECK(cli::to_ports("5432") == network::PortRange{Protocol::any, 5432, 5432});
  CHECK(cli::to_ports("53/udp") == network::PortRange{Protocol::udp, 53, 53});
  CHECK(cli::to_ports("9000-9100/tcp") == network::PortRange{Protocol::tcp, 9000, 9100});
  CHECK_THROWS(cli::to_ports("http"));
  CHECK(cli::to_destination("192.0.2.0/24") == network::Destination{"192.0.2.0/24", {}});
  CHECK(cli::to_destination("API.example.org:443").to == "api.example.org");
  CHECK(cli::to_destination("[2001:db8::1]:53/udp") == network::Destination{"2001:db8::1", {Protocol::udp, 53, 53}});
}

TEST_CASE("reach words: internet is everything, nothing or a list") {
  CHECK_FALSE(cli::to_internet({}).everywhere);
  CHECK(cli::to_internet({"true"}).everywhere);
  CHECK_FALSE(cli::to_internet({"false"}).everywhere);
  const auto some = cli::to_internet({"a.example.org:443,192.0.2.1", "b.example.org"});
  CHECK_FALSE(some.everywhere);
  REQUIRE(some.destinations.size() == 3);
  CHECK(some.destinations[2].to == "b.example.org");
  CHECK_THROWS_WITH(cli::to_internet({"true", "a.example.org"}), Contains("exclude each other"));
  CHECK_THROWS_WITH(cli::to_internet({"true", "false"}), Contains("exclude each other"));
  CHECK_THROWS(cli::to_internet({""}));
  CHECK_THROWS(cli::to_internet({"a b"}));
}

TEST_CASE("reach words: kinds of networks") {
  for (const char* word : {"links", "bridge", "default"}) {
    CHECK(cli::to_network(word).kind == Kind::links);
    CHECK(cli::is_network_word(word));
  }
  CHECK(cli::to_network("none").kind == Kind::none);
  CHECK(cli::to_network("host").kind == Kind::host);
  CHECK(cli::to_network("container:web").container == "web");
  CHECK_THROWS(cli::to_network("container:"));
  CHECK_FALSE(cli::is_network_word("back"));
}

TEST_CASE("reach words: a network that was made, in both forms") {
  CHECK(cli::to_network("back").membership == network::Membership{"back", {}, true, "", ""});
  CHECK(cli::to_network("name=back,alias=db,alias=sql,ip=10.9.0.5,ip6=fd00::5").membership ==
        network::Membership{"back", {"db", "sql"}, true, "10.9.0.5", "fd00::5"});
  CHECK_THROWS_WITH(cli::to_network("name=back,alais=x"), Contains("did you mean 'alias'"));
  CHECK_THROWS_WITH(cli::to_network("name=back,ip=::1"), Contains("an IPv4 address"));
  CHECK_THROWS_WITH(cli::to_network("name=host"), Contains("a network that was made"));
  for (const char* bad : {"", "a b", "alias=x", "name=", "name=back,alias=", "name=back,alias=a b", "../x"})
    CHECK_THROWS(cli::to_network(bad));
}

TEST_CASE("reach words: host-gateway is the host as containers see it") {
  CHECK(cli::to_host_entry("db:192.0.2.1") == network::HostEntry{"db", "192.0.2.1"});
  CHECK(cli::to_host_entry("db=[2001:db8::1]").address == "2001:db8::1");
  CHECK(cli::to_host_entry("host.docker.internal:host-gateway") ==
        network::HostEntry{"host.docker.internal", "host-gateway"});
  for (const char* bad : {"db:here", "a b:host-gateway", ":host-gateway"}) CHECK_THROWS(cli::to_host_entry(bad));
}

TEST_CASE("reach words: what -P adds to -p") {
  const std::vector<network::Publish> said = {{"", 8080, 80, 1, Protocol::tcp, {}}};
  const auto added =
      cli::unpublished({{Protocol::tcp, 80, 81}, {Protocol::udp, 80, 80}, {Protocol::any, 81, 81}}, said);
  CHECK(added == std::vector<network::Publish>{{"", 0, 81, 1, Protocol::tcp, {}}, {"", 0, 80, 1, Protocol::udp, {}}});
}
