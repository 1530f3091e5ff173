#include "engine/names.hpp"
#include "store/records.hpp"
#include "support/catch.hpp"

#include <set>

using namespace conductor;

TEST_CASE("made-up names are two words, valid, and not all the same") {
  std::set<std::string> names;
  for (int i = 0; i < 50; ++i) {
    const std::string name = engine::made_up_name();
    CHECK(store::valid_name(name));
    CHECK(name.find('_') != std::string::npos);
    names.insert(name);
  }
  CHECK(names.size() > 10);
}
