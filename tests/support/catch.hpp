// Catch2, version 2 or 3, and the explicit skip: a test that this machine cannot run says so and is counted.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

#include <string>

// A string that has this one within it, under the one name in both versions.
#if __has_include(<catch2/catch_all.hpp>)
inline auto Contains(const std::string& text) { return Catch::Matchers::ContainsSubstring(text); }
#else
using Catch::Matchers::Contains;
#endif

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
