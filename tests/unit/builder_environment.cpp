#include "builder/environment.hpp"
#include "support/catch.hpp"

using namespace conductor::builder;
using Environment = std::vector<std::string>;

TEST_CASE("a variable is set where it first stood") {
  Environment environment{"A=1", "AB=2"};
  set_variable(environment, "A", "3");
  set_variable(environment, "C", "");
  CHECK(environment == Environment{"A=3", "AB=2", "C="});
  CHECK(find_variable(environment, "AB") == "2");
  CHECK(find_variable(environment, "C") == "");
  CHECK_FALSE(find_variable(environment, "B"));
}

TEST_CASE("an argument takes the given value, then its default, then the outer value") {
  Scope scope({{"GIVEN", "given"}}, {{"OUTER", "outer"}, {"GIVEN", "outer"}});
  SECTION("nothing is visible before ARG names it") {
    CHECK_FALSE(scope.lookup("GIVEN", {}));
    CHECK_FALSE(scope.lookup("OUTER", {}));
  }
  SECTION("given wins over the default") {
    scope.declare("GIVEN", "default");
    CHECK(scope.lookup("GIVEN", {}) == "given");
  }
  SECTION("a default wins over the outer value") {
    scope.declare("OUTER", "default");
    CHECK(scope.lookup("OUTER", {}) == "default");
  }
  SECTION("the outer value is for those without a default") {
    scope.declare("OUTER", std::nullopt);
    CHECK(scope.lookup("OUTER", {}) == "outer");
  }
  SECTION("an argument may have no value at all") {
    scope.declare("NONE", std::nullopt);
    CHECK_FALSE(scope.lookup("NONE", {}));
    CHECK(scope.run_environment({}).empty());
  }
}

TEST_CASE("ENV wins over ARG") {
  Scope scope({{"A", "argument"}}, {});
  scope.declare("A", std::nullopt);
  scope.declare("B", "b");
  CHECK(scope.lookup("A", {"A=environment"}) == "environment");
  CHECK(scope.run_environment({"A=environment"}) == Environment{"B=b", "A=environment"});
}

TEST_CASE("proxies reach a RUN without ARG, and its key only with one") {
  Scope scope({{"HTTP_PROXY", "p"}, {"no_proxy", "n"}, {"Http_Proxy", "x"}}, {});
  CHECK(scope.proxies({}) == Environment{"HTTP_PROXY=p", "no_proxy=n"});
  CHECK(scope.run_environment({}).empty());
  CHECK(scope.proxies({"no_proxy=image"}) == Environment{"HTTP_PROXY=p"});
  scope.declare("HTTP_PROXY", std::nullopt);
  CHECK(scope.proxies({}) == Environment{"no_proxy=n"});
  CHECK(scope.run_environment({}) == Environment{"HTTP_PROXY=p"});
}

TEST_CASE("the platform's arguments") {
  const auto platform = platform_arguments("arm64", "");
  CHECK(platform.at("TARGETPLATFORM") == "linux/arm64");
  CHECK(platform.at("BUILDARCH") == "arm64");
  CHECK(platform.at("TARGETSTAGE") == "default");
}
