#include "sieve.hpp"

std::vector<unsigned> primes(std::size_t count) {
  std::vector<unsigned> found;
  for (unsigned candidate = 2; found.size() < count; ++candidate) {
    bool prime = true;
    for (const unsigned p : found) {
      if (p * p > candidate) break;
      if (candidate % p == 0) prime = false;
    }
    if (prime) found.push_back(candidate);
  }
  return found;
}
