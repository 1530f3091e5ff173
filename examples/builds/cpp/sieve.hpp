#pragma once

#include <cstddef>
#include <vector>

// The first `count` primes.
std::vector<unsigned> primes(std::size_t count);
