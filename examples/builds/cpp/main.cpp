#include "sieve.hpp"

#include <cstdlib>
#include <iostream>
#include <string>

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "--version") {
    std::cout << VERSION << '\n';
    return 0;
  }
  const char* separator = "";
  for (const unsigned prime : primes(argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 10)) {
    std::cout << separator << prime;
    separator = " ";
  }
  std::cout << '\n';
}
