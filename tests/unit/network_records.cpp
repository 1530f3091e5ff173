// Records of endpoints, the index of who has to do with whom, and what host names stand for.
#include "network/records.hpp"
#include "network_samples.hpp"
#include "store/records.hpp"
#include "support/catch.hpp"
#include "support/temp.hpp"

using namespace conductor::network;
namespace store = conductor::store;
using test::endpoint;
using test::link_to;

namespace {

struct World {
  test::TemporaryDirectory directory;
  store::Locations locations{directory / "root", directory / "run", "conductor"};
  Records records{locations};

  std::string related(const std::string& id) const {
    std::string ids;
    const auto all = records.related(*records.find(id));
    for (const Endpoint& e : all) ids += e.id + " ";
    return ids;
  }
};

}  // namespace

TEST_CASE("related endpoints are found from either end, and nobody else") {
  World world;
  auto web = endpoint("web", 2), db = endpoint("db", 3), other = endpoint("other", 4), member = endpoint("member", 5);
  web.config.links = {link_to("p/db", 5432)};
  db.config.groups = {"p/db"};
  Membership lan;
  lan.network = "lan";
  member.config.networks = db.config.networks = {lan};
  for (const auto& e : {web, db, other, member}) world.records.write(e, false);
  CHECK(world.related("web") == "db ");
  CHECK(world.related("db") == "member web ");
  CHECK(world.related("other").empty());
  CHECK(world.records.members("lan").size() == 2);
  CHECK(world.records.members("la").empty());
}

TEST_CASE("the index follows changes and removals") {
  World world;
  auto a = endpoint("a", 2);
  a.config.links = {link_to("b", 80)};
  world.records.write(a, false);
  world.records.write(endpoint("b", 3), false);
  CHECK(world.related("b") == "a ");
  a.config.links = {link_to("c", 80)};
  world.records.write(a, false);
  CHECK(world.related("b").empty());
  world.records.write(endpoint("c", 4), false);
  CHECK(world.related("a") == "c ");
  world.records.erase("c");
  CHECK(world.related("a").empty());
  // Nothing stays behind but the words of those that are left.
  CHECK(store::list_directory(world.records.state() + "/words").size() == 3);
}

TEST_CASE("after a reboot the index is made from the records") {
  World world;
  auto a = endpoint("a", 2);
  a.config.links = {link_to("b", 80)};
  world.records.write(a, false);
  world.records.write(endpoint("b", 3), false);
  conductor::linux::remove_tree(world.locations.state);
  CHECK(world.related("b") == "a ");
  CHECK(world.related("a") == "b ");
}

TEST_CASE("a damaged record hides nobody else") {
  World world;
  auto a = endpoint("a", 2), c = endpoint("c", 4);
  a.config.links = c.config.links = {link_to("b", 80)};
  for (const auto& e : {a, endpoint("b", 3), c}) world.records.write(e, false);
  store::write_file_atomically(world.locations.network() + "/endpoints/a.json", "{", false);
  CHECK(world.related("b") == "c ");
}

TEST_CASE("words of any kind have a place in the index") {
  World world;
  const std::string strange = "p/../x%2f * ", long_name(300, 'n');
  auto a = endpoint("a", 2), b = endpoint("b", 3);
  a.config.links = {link_to(strange), link_to(long_name), link_to("."), link_to("")};
  b.config.groups = {strange};
  world.records.write(a, false);
  world.records.write(b, false);
  CHECK(world.related("b") == "a ");
  b.config.groups = {long_name};
  world.records.write(b, false);
  CHECK(world.related("b") == "a ");
}

TEST_CASE("who is attached is known without records") {
  World world;
  CHECK_FALSE(world.records.any_attached());
  world.records.set_attached("a", "cdra");
  CHECK(world.records.any_attached());
  CHECK_FALSE(world.records.any_attached_but("a"));
  world.records.set_attached("b", "cdrb");
  CHECK(world.records.any_attached_but("a"));
}

TEST_CASE("what a host name stood for stays for one more change") {
  World world;
  auto a = endpoint("a", 2);
  a.config.internet_to = {{"*.example.org", {}}};
  world.records.write(a, false);
  const auto addresses = [&] {
    std::string text;
    const auto endpoint = world.records.find("a");
    for (const auto& name : endpoint->resolved)
      for (const auto& address : name.addresses) text += address + " ";
    return text;
  };
  CHECK(world.records.set_resolved("a", {"x.example.org", {"192.0.2.2", "192.0.2.1"}}));
  CHECK_FALSE(world.records.set_resolved("a", {"x.example.org", {"192.0.2.1", "192.0.2.2"}}));
  CHECK(addresses() == "192.0.2.1 192.0.2.2 ");
  CHECK(world.records.set_resolved("a", {"x.example.org", {"192.0.2.2", "192.0.2.3"}}));
  CHECK(addresses() == "192.0.2.2 192.0.2.3 192.0.2.1 ");
  CHECK(world.records.set_resolved("a", {"x.example.org", {"192.0.2.3"}}));
  CHECK(addresses() == "192.0.2.3 192.0.2.2 ");
  CHECK(world.records.set_resolved("a", {"y.example.org", {"2001:db8::1"}}));
  CHECK(addresses() == "192.0.2.3 192.0.2.2 2001:db8::1 ");
  // Of this boot only, and of an attachment.
  world.records.write(*world.records.find("a"), false);
  world.records.clear_resolved("a");
  CHECK(addresses().empty());
}
