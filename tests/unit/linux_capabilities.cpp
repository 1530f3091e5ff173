#include "linux/capabilities.hpp"
#include "support/catch.hpp"

using namespace conductor;

TEST_CASE("the default capabilities are the eleven") {
  CHECK(linux::default_capabilities() == 0x800405fbU);
  CHECK(linux::capability_names(linux::default_capabilities()).size() == 11);
}

TEST_CASE("capabilities are named with and without prefix, in any case") {
  CHECK(linux::parse_capability("NET_ADMIN") == linux::CapabilitySet{1} << 12);
  CHECK(linux::parse_capability("cap_net_admin") == linux::CapabilitySet{1} << 12);
  CHECK(linux::parse_capability("CHECKPOINT_RESTORE") == linux::CapabilitySet{1} << 40);
  CHECK(linux::parse_capability("all") == linux::all_capabilities());
  for (const char* wrong : {"", "CAP_", "NET", "NET_ADMIN ", "0", "CAP_CAP_CHOWN"})
    CHECK_FALSE(linux::parse_capability(wrong).has_value());
}

TEST_CASE("every known capability is read back from its name") {
  linux::CapabilitySet all = 0;
  for (const auto& name : linux::known_capabilities()) {
    const auto set = linux::parse_capability(name);
    REQUIRE(set.has_value());
    CHECK(linux::capability_names(*set) == std::vector<std::string>{name});
    all |= *set;
  }
  CHECK(all == (linux::CapabilitySet{1} << 41) - 1);
}
