// `compose config`: the project with everything resolved, in the form other tools know, and as YAML.
#pragma once

#include "base/json.hpp"
#include "compose/project.hpp"

#include <string>

namespace conductor::compose {

// name, services, networks, volumes, x-conductor; members of services sorted; long forms; what is at its default is
// left out. It can be read back: `$` is written `$$`.
base::Json canonical(const Project& project);

// Block style, two blanks a level; strings are quoted where another reading would be possible (YAML 1.2, core schema,
// and the words 1.1 takes for booleans).
std::string to_yaml(const base::Json& value);

}  // namespace conductor::compose
