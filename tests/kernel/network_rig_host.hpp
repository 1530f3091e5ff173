// What the rig's host is like, seen with the tools an administrator has. The calling thread's network namespace counts.
#pragma once

#include <string>
#include <vector>

namespace test {

struct Finished {
  int status = 0;  // 127: the program is not there
  std::string output;
};
// Runs a program found in PATH, with `input` on its standard input; both of its output streams.
Finished run(const std::vector<std::string>& words, const std::string& input = {});
// The same; throws with what it said when it fails.
std::string output_of(const std::vector<std::string>& words, const std::string& input = {});

// One line each, in a fixed order: settings of all interfaces, policy rules, routes of all tables, addresses, rule
// sets, policies of the packet transformation, queueing disciplines and filters.
std::vector<std::string> host_state();

// Forgets every connection the namespace tracks (nfnetlink, IPCTNL_MSG_CT_DELETE without a filter).
void flush_connections();

}  // namespace test
