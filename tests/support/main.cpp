// The main program of every test executable: Catch2's, and the count of skipped tests at the end.
#define CATCH_CONFIG_RUNNER
#include "support/catch.hpp"

#include <cstdio>

namespace {
int skipped = 0;
}

void test::count_skip(const std::string& test, const std::string& why) {
  ++skipped;
  std::printf("SKIP: %s: %s\n", test.c_str(), why.c_str());
}

int main(int argc, char** argv) {
  const int failed = Catch::Session().run(argc, argv);
  if (skipped != 0) std::printf("%d skipped\n", skipped);
  return failed;
}
