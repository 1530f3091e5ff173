// What a word of a question stands for. Pure.
#pragma once

#include "compose/reach.hpp"

#include <string>
#include <vector>

namespace conductor::compose {

// One end of a connection.
struct End {
  enum class Is {
    service,
    other,    // of another project, or a container without one
    outside,  // a destination, or internet_word
    host,
    world,
  } is = Is::service;
  std::string name;                         // as shown
  const DesiredService* service = nullptr;  // of `service`: whose network it is
};

// `reach` is what the project declares, `endpoints` those of the machine. Throws Error for a word that is nothing, with
// what was probably meant.
End resolve_end(const Project& project, const std::vector<Reach>& reach,
                const std::vector<network::Endpoint>& endpoints, const std::string& word);

}  // namespace conductor::compose
