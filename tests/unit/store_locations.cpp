// Where the roots are, and that two of them never share a name in the kernel.
#include "base/error.hpp"
#include "store/locations.hpp"
#include "store/records.hpp"
#include "support/catch.hpp"
#include "support/temp.hpp"

#include <sys/stat.h>

#include <cstdlib>
#include <optional>

namespace {

using conductor::store::Locations;

// Sets a variable, or takes it away, until it goes out of scope.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name); old != nullptr) old_ = old;
    set(value);
  }
  ~Variable() { set(old_ ? old_->c_str() : nullptr); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  void set(const char* value) { value != nullptr ? setenv(name_, value, 1) : unsetenv(name_); }
  const char* name_;
  std::optional<std::string> old_;
};

unsigned mode_of(const std::string& path) {
  struct stat found{};
  return stat(path.c_str(), &found) == 0 ? found.st_mode & 07777U : 0U;
}

TEST_CASE("the standard roots") {
  const Variable root("CONDUCTOR_ROOT", nullptr);
  const Variable state("CONDUCTOR_STATE", nullptr);
  const auto locations = Locations::choose();
  CHECK(locations.root == "/var/lib/conductor");
  CHECK(locations.state == "/run/conductor");
  CHECK(locations.instance == "conductor");
}

TEST_CASE("variables move the roots, arguments win") {
  const Variable root("CONDUCTOR_ROOT", "/a/root");
  const Variable state("CONDUCTOR_STATE", nullptr);
  CHECK(Locations::choose().root == "/a/root");
  CHECK(Locations::choose().state == "/a/root/run");
  CHECK(Locations::choose("/b").root == "/b");
  CHECK(Locations::choose("/b").state == "/b/run");
  CHECK(Locations::choose("/b", "/c").state == "/c");
}

TEST_CASE("an instance is named by its root, however that is spelled") {
  const Variable state("CONDUCTOR_STATE", nullptr);
  const auto a = Locations::choose("/a/root");
  CHECK(a.instance.size() == std::string("conductor-").size() + 6);
  CHECK(a.instance == Locations::choose("/a/./other/../root/").instance);
  CHECK(a.root == Locations::choose("/a/./other/../root/").root);
  CHECK(a.instance != Locations::choose("/a/root2").instance);
}

TEST_CASE("prepare makes what is missing, for us alone") {
  const test::TemporaryDirectory directory;
  const Variable state("CONDUCTOR_STATE", nullptr);
  const auto locations = Locations::choose(directory / "deep/root");
  locations.prepare();
  for (const auto& path : {locations.root, locations.state, locations.layers(), locations.temporary(),
                           locations.locks(), locations.state + "/containers"})
    CHECK(mode_of(path) == 0700U);
  locations.prepare();
  conductor::store::TemporaryTree tree(locations.temporary());
  CHECK(mode_of(tree.path()) == 0700U);
}

TEST_CASE("a root that is a file is refused") {
  const test::TemporaryDirectory directory;
  conductor::store::write_file_atomically(directory / "file", "");
  CHECK_THROWS_AS(Locations::choose(directory / "file").prepare(), conductor::base::Error);
}

}  // namespace
