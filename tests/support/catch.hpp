// Catch2, version 2 or 3, and the explicit skip: a test that this machine cannot run says so and is counted.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using Catch::Matchers::Contains;
#else
#include <catch2/catch.hpp>
#endif

#include <string>

namespace test {
// Prints "SKIP: test: why"; the runner's closing line counts them.
void count_skip(const std::string& test, const std::string& why);
}  // namespace test

#define SKIP_TEST(why)                                                     \
  do {                                                                     \
    test::count_skip(Catch::getResultCapture().getCurrentTestName(), why); \
    SUCCEED("skipped");                                                    \
    return;                                                                \
  } while (false)
