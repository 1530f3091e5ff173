// The filters of `ps`, by docker's keys.
#pragma once

#include "cli/filters.hpp"
#include "engine/engine.hpp"

#include <string>
#include <vector>

namespace conductor::cli {

std::vector<std::string> container_filters();  // the keys

class ContainerFilter {
 public:
  // Looks up what the values name. Throws base::Error for a value that cannot be meant; the filters stay the caller's.
  ContainerFilter(engine::Engine& engine, const Filters& filters);
  bool accepts(const engine::Observed& observed) const;

 private:
  struct Ancestor {
    std::string name, id;
    std::vector<std::string> layers;
  };
  bool holds(const std::string& key, const std::string& value, const engine::Observed& observed) const;
  bool stems_from(const std::string& value, const engine::Container& container) const;

  const Filters& filters_;
  std::vector<Ancestor> ancestors_;
  std::map<std::string, std::int64_t> created_;  // of those that before and since name
};

}  // namespace conductor::cli
