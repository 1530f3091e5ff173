#include "base/json.hpp"
#include "base/sha256.hpp"
#include "base/wire.hpp"
#include "support/catch.hpp"

using namespace conductor::base;

namespace sample {
enum class Colour { red, green };
constexpr auto enum_names(Colour) {
  return std::array{std::pair{Colour::red, "red"}, std::pair{Colour::green, "green"}};
}

struct Inner {
  int number = 7;
  std::optional<std::string> note;
};
template <Is<Inner> S, class V>
void fields(S& s, V&& v) {
  v("number", s.number), v("note", s.note);
}

struct Outer {
  std::string name;
  bool flag = false;
  double share = 0;
  Colour colour = Colour::red;
  std::vector<Inner> list;
  std::map<std::string, std::string> labels;
  std::chrono::nanoseconds grace{0};
};
template <Is<Outer> S, class V>
void fields(S& s, V&& v) {
  v("name", s.name), v("flag", s.flag), v("share", s.share), v("colour", s.colour), v("list", s.list);
  v("labels", s.labels), v("grace", s.grace);
}
}  // namespace sample

namespace {
sample::Outer example() {
  return {"web \"1\"\n",          true, 1.5, sample::Colour::green, {{1, "x"}, {-2, std::nullopt}}, {{"a", "b"}},
          std::chrono::seconds(3)};
}
}  // namespace

TEST_CASE("a struct survives JSON, members in the order of fields()") {
  const auto json = to_json(example());
  CHECK(json.dump() ==
        R"({"name":"web \"1\"\n","flag":true,"share":1.5,"colour":"green",)"
        R"("list":[{"number":1,"note":"x"},{"number":-2,"note":null}],"labels":{"a":"b"},"grace":3000000000})");
  sample::Outer back;
  from_json(Json::parse(json.dump(2)), back);
  CHECK(to_json(back) == json);
}

TEST_CASE("absent members keep their defaults, unknown ones are left alone, wrong types are named") {
  sample::Inner inner;
  from_json(Json::parse(R"({"later":1})"), inner);
  CHECK(inner.number == 7);
  sample::Outer outer;
  CHECK_THROWS_WITH(from_json(Json::parse(R"({"list":[{"number":"1"}]})"), outer),
                    "list: number: expected a whole number");
  CHECK_THROWS_WITH(from_json(Json::parse(R"({"colour":"blue"})"), outer), "colour: expected a known name");
}

TEST_CASE("JSON text that is not JSON is refused") {
  for (const std::string bad : {"", "{", "[1,]", "{\"a\":1,\"a\":2}", "1 2", "nul", "\"\x01\""})
    CHECK_THROWS_AS(Json::parse(bad), Error);
  CHECK_THROWS_AS(Json::parse(std::string(100, '[') + std::string(100, ']')), Error);
  CHECK(Json::parse(std::string(60, '[') + std::string(60, ']')).array_items() != nullptr);
}

TEST_CASE("strings that are not UTF-8 are written as valid JSON") {
  CHECK_NOTHROW(Json::parse(Json("\xff\xfe ok").dump()));
}

TEST_CASE("a struct survives the wire, and cut messages are refused") {
  const auto bytes = to_wire(example());
  CHECK(to_json(from_wire<sample::Outer>(bytes)) == to_json(example()));
  for (std::size_t size = 0; size < bytes.size(); ++size)
    CHECK_THROWS_AS(from_wire<sample::Outer>(std::string_view(bytes).substr(0, size)), Error);
  CHECK_THROWS_AS(from_wire<sample::Outer>(bytes + "x"), Error);
}

TEST_CASE("SHA-256 gives the published digests") {
  CHECK(sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(Sha256().field("ab").field("c").hex() != Sha256().field("a").field("bc").hex());
}

TEST_CASE("an error carries the sentences of the levels above it") {
  const Context outer("starting web");
  try {
    const Context inner("mounting /proc");
    throw Error("refused", EPERM);
  } catch (const Error& e) {
    CHECK(e.message() == "starting web: mounting /proc: refused: Operation not permitted");
    CHECK(e.code() == EPERM);
  }
  CHECK(Error("later").message() == "starting web: later");
}

TEST_CASE("teardown goes on and reports all that failed") {
  Collector collector;
  int reached = 0;
  collector.attempt([] { throw Error("first"); });
  collector.attempt([&] { ++reached; });
  collector.attempt([] { throw Error("second"); });
  CHECK(reached == 1);
  CHECK_THROWS_WITH(collector.finish(), "first; second");
}

TEST_CASE("what teardown collected says its contexts once") {
  const Context outer("removing web");
  Collector collector;
  collector.attempt([] {
    const Context inner("unmounting /data");
    throw Error("busy");
  });
  collector.attempt([] { throw Error("second"); });
  CHECK_THROWS_WITH(collector.finish(), "removing web: unmounting /data: busy; second");
}
