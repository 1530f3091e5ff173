// `compose verify`: whether what runs is what the file says, and which of the machine's findings are about the project.
// Pure.
#pragma once

#include "compose/observed.hpp"
#include "compose/project.hpp"

#include <vector>

namespace conductor::compose {

// A finding for each container of the active services that does not run or is made of another declaration, and for each
// of the project that the file does not name.
std::vector<network::Finding> compare_with_file(const Project& project, const ObservedProject& observed);

// Without the findings that name containers of others alone. What names none is about the machine and stays.
std::vector<network::Finding> findings_about(const std::string& project, std::vector<network::Finding> findings,
                                             const std::vector<network::Endpoint>& endpoints);

}  // namespace conductor::compose
