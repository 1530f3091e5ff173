// Everything of a plan that can be known to fail is found before its first side effect.
#pragma once

#include "compose/observed.hpp"
#include "compose/plan.hpp"
#include "compose/project.hpp"
#include "engine/engine.hpp"

#include <string>
#include <vector>

namespace conductor::compose {

// Sentences about a plan and its project that need no machine: two containers with one host port, one name, an external
// volume that is not there.
std::vector<base::Diagnostic> contradictions(const Project& project, const ObservedProject& observed, const Plan& plan);

// Those, and: host ports are free unless held by a container the plan takes away, images exist or can be made, build
// contexts and bind sources are there. Throws base::SourceError naming all that is wrong, each with its place.
void preflight(engine::Engine& engine, const Project& project, const ObservedProject& observed, const Plan& plan);

}  // namespace conductor::compose
