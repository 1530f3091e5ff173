#include "cli/ports_view.hpp"
#include "support/catch.hpp"

using namespace conductor;
using network::Protocol;
using network::Publish;
using network::PublishScope;

namespace {
const cli::PortsView v4_alone{PublishScope::all, false};
const cli::PortsView both{PublishScope::all, true};
}  // namespace

TEST_CASE("ports: at all addresses, of one family or both") {
  const std::vector<Publish> ports = {{"", 3000, 8080, 1, Protocol::tcp, {}}};
  CHECK(cli::ports_text(ports, {}, v4_alone) == "0.0.0.0:3000->8080/tcp");
  CHECK(cli::ports_text(ports, {}, both) == "0.0.0.0:3000->8080/tcp, [::]:3000->8080/tcp");
}

TEST_CASE("ports: at one address") {
  CHECK(cli::ports_text({{"127.0.0.1", 53, 53, 1, Protocol::udp, {}}}, {}, both) == "127.0.0.1:53->53/udp");
  CHECK(cli::ports_text({{"::1", 53, 53, 1, Protocol::udp, {}}}, {}, both) == "[::1]:53->53/udp");
}

TEST_CASE("ports: those in a row are joined, whether written as a range or one by one") {
  const std::vector<Publish> ports = {{"", 3002, 82, 1, Protocol::tcp, {}},
                                      {"", 3000, 80, 2, Protocol::tcp, {}},
                                      {"", 3003, 83, 1, Protocol::udp, {}},
                                      {"", 4003, 83, 1, Protocol::tcp, {}}};
  CHECK(cli::ports_text(ports, {}, v4_alone) ==
        "0.0.0.0:3000-3002->80-82/tcp, 0.0.0.0:4003->83/tcp, 0.0.0.0:3003->83/udp");
}

TEST_CASE("ports: who may use them") {
  const std::vector<Publish> said = {{"", 1, 1, 1, Protocol::tcp, PublishScope::loopback},
                                     {"", 2, 2, 1, Protocol::tcp, PublishScope::host},
                                     {"", 3, 3, 1, Protocol::tcp, PublishScope::all}};
  CHECK(cli::ports_text(said, {}, v4_alone) ==
        "127.0.0.1:1->1/tcp, [::1]:1->1/tcp, 0.0.0.0:2->2/tcp (host), 0.0.0.0:3->3/tcp");
  CHECK(cli::ports_text({{"", 1, 1, 1, Protocol::tcp, {}}}, {}, {PublishScope::loopback, true}) ==
        "127.0.0.1:1->1/tcp, [::1]:1->1/tcp");
}

TEST_CASE("ports: exposed ones that are not published stand alone") {
  CHECK(cli::ports_text({{"", 3000, 80, 1, Protocol::tcp, {}}}, {"443/tcp", "80/tcp", "80/udp"}, v4_alone) ==
        "0.0.0.0:3000->80/tcp, 443/tcp, 80/udp");
}

TEST_CASE("ports: docker's map has a list for each port") {
  CHECK(cli::ports_json({{"", 3000, 80, 2, Protocol::tcp, {}}, {"127.0.0.1", 9, 80, 1, Protocol::tcp, {}}}, v4_alone)
            .dump() == R"({"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"3000"},{"HostIp":"127.0.0.1","HostPort":"9"}],)"
                       R"("81/tcp":[{"HostIp":"0.0.0.0","HostPort":"3001"}]})");
}
