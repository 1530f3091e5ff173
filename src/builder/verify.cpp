// `build --verify`: the same twice, or what is not.
#include "base/error.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "builder/project.hpp"

#include <poll.h>

#include <algorithm>

namespace conductor::builder {
namespace {

// "Conductorfile:3: RUN make"
std::string step_name(const parser::Instruction& instruction) {
  constexpr std::size_t title_size = 200;
  const std::string title = instruction.text.substr(0, std::min(instruction.text.find('\n'), title_size));
  base::Position line = instruction.position;
  line.column = 0;
  return base::to_text(line) + ": " + base::escape_control(title);
}

// `a` and `b` are layers, empty for a step that left nothing.
std::optional<Difference> compare_step(const image::Images& images, const StepTrace& first, const StepTrace& second) {
  if (first.layer == second.layer) return std::nullopt;
  Difference result{step_name(*first.instruction), {}, {}};
  if (first.layer.empty() || second.layer.empty()) {
    result.how = first.layer.empty() ? "files only the second time" : "files only the first time";
    return result;
  }
  if (auto difference = images.first_difference(first.layer, second.layer)) {
    result.path = std::move(difference->path);
    result.how = std::move(difference->how);
  }
  return result;
}

std::optional<Difference> compare(const image::Images& images, const StageGraph& graph,
                                  const std::vector<StageResult>& first, const std::vector<StageResult>& second) {
  for (const std::size_t number : graph.order) {
    const auto &before = first[number].traces, &after = second[number].traces;
    for (std::size_t i = 0; i < before.size(); ++i)
      if (auto difference = compare_step(images, before[i], after[i])) return difference;
  }
  return std::nullopt;
}

// Until the clock shows another second: a step that reads it, to the second as most do, then reads another time.
void await_next_second(const linux::Cancellation* wish) {
  constexpr std::int64_t second = 1'000'000'000, millisecond = 1'000'000;
  const std::int64_t begin = base::now_unix_ns() / second;
  for (std::int64_t now = base::now_unix_ns(); now / second == begin; now = base::now_unix_ns()) {
    pollfd wait{wish != nullptr ? wish->descriptor() : -1, POLLIN, 0};
    poll(&wait, 1, static_cast<int>((second - now % second) / millisecond) + 1);
    if (wish != nullptr) wish->check();
  }
}

}  // namespace

std::optional<Difference> verify(engine::Engine& engine, const BuildOptions& options, const Listener& listener) {
  return unless_interrupted(options.cancellation, [&] {
    BuildOptions twice = options;
    twice.no_cache = true;
    Project project(engine, twice, listener);
    // Without SOURCE_DATE_EPOCH every file a step writes would differ by its time alone: from here on time stands
    // still.
    constexpr std::int64_t second = 1'000'000'000;
    const auto newest =
        project.source_date_epoch() ? project.source_date_epoch() : std::optional(base::now_unix_ns() / second);
    const auto first_time = project.run(newest);
    await_next_second(options.cancellation);
    const auto second_time = project.run(newest);
    return compare(engine.images(), project.graph(), first_time, second_time);
  });
}

}  // namespace conductor::builder
