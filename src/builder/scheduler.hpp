// Stages at the same time: each begins as soon as what it needs is done.
#pragma once

#include "builder/stages.hpp"
#include "linux/cancellation.hpp"

#include <cstddef>
#include <functional>

namespace conductor::builder {

// How many stages may run at once on this machine. Most of a stage is waiting for its processes.
std::size_t stages_at_once();

// Calls `build` once for every stage of graph.order, on threads of its own, at most `limit` at once; a stage only after
// all it needs has returned. What one call has written, the calls that need it see. The first failure requests `stop`,
// lets those that run come to their end, and is thrown; failures after it are not. A request of `wish` (may be null)
// does the same with the Error "interrupted". Nothing runs any more when it returns.
void run_stages(const StageGraph& graph, std::size_t limit, const linux::Cancellation* wish, linux::Cancellation& stop,
                const std::function<void(std::size_t stage)>& build);

}  // namespace conductor::builder
