// `compose why`: whether one end may open connections to another, and the line that says so or what is missing. Pure.
#pragma once

#include "base/json.hpp"
#include "compose/reach.hpp"

#include <optional>
#include <string>
#include <vector>

namespace conductor::compose {

// A service of the file, "project/service", a container's name or address, a host name or address outside,
// internet_word, host_word or world_word; a service wins over a word. At least one end is a service of the file.
struct Question {
  std::string from;
  std::string to;
  std::optional<network::PortRange> ports;  // nothing: any port at all
};

// A sentence with the place it is about, and what to write to change the answer.
struct Reason {
  std::string text;
  base::Position place;  // line 0: none
  std::string hint;      // may be empty
};

struct Answer {
  bool allowed = false;
  std::string summary;          // "web may open connections to db on 5432/tcp"
  std::vector<Reason> reasons;  // of each permission; or why there is none
  std::vector<Reach> because;   // the permissions; empty when not allowed, and for what holds for every container
};

// `endpoints` are those of the machine, for ends in other projects and for addresses; `scope` is its setting. Throws
// Error for a name that is nothing, with what was probably meant.
Answer why(const Project& project, const Question& question, const std::vector<network::Endpoint>& endpoints,
           network::PublishScope scope = network::PublishScope::all);

// The summary, then each reason with its place, its line and a caret.
std::string to_text(const Project& project, const Answer& answer);
base::Json to_json(const Answer& answer);
// A permission as an object: kind, from, to, protocol, first_port, last_port, via, place …
base::Json to_json(const Reach& reach);

}  // namespace conductor::compose
