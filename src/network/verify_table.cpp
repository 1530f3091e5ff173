#include "network/verify_table.hpp"

#include "base/error.hpp"
#include "linux/nftables.hpp"

#include <sched.h>

#include <algorithm>
#include <exception>
#include <thread>

namespace conductor::network {

namespace {

using Kind = Finding::Kind;
using Lines = std::vector<std::string>;

// Of `lines`, those that `others` has not, each as often as it is there too often.
Lines without(const Lines& lines, Lines others) {
  Lines left;
  for (const auto& line : lines) {
    const auto found = std::find(others.begin(), others.end(), line);
    if (found == others.end())
      left.push_back(line);
    else
      others.erase(found);
  }
  return left;
}

// A base chain's first line says where it hooks in and what becomes of a packet that no rule has judged.
bool is_hook(const std::string& line) { return line.starts_with("type "); }
std::size_t rules_in(const Lines& chain) { return chain.size() - (!chain.empty() && is_hook(chain.front()) ? 1 : 0); }

std::string quoted(const std::string& rule) { return "\"" + rule + "\""; }

void compare_chain(const std::string& name, const Lines& expected, const Lines& observed,
                   std::vector<Finding>& findings) {
  if (expected == observed) return;
  const std::string chain = "chain " + name;
  if (rules_in(observed) == 0 && rules_in(expected) > 0) {
    findings.push_back(
        {Kind::damaged, "table", chain + " is empty: " + std::to_string(rules_in(expected)) + " rules are gone"});
    return;
  }
  const Lines missing = without(expected, observed), extra = without(observed, expected);
  for (const auto& rule : missing) findings.push_back({Kind::missing, "table", chain + " lacks " + quoted(rule)});
  for (const auto& rule : extra)
    findings.push_back({Kind::extra, "table", chain + " has " + quoted(rule) + ", which is not ours"});
  if (missing.empty() && extra.empty())
    findings.push_back({Kind::damaged, "table", "the rules of " + chain + " stand in another order"});
}

void compare_set(const std::string& name, const ListedSet& expected, const ListedSet& observed, const AddressBook& book,
                 std::vector<Finding>& findings) {
  if (expected.properties != observed.properties)
    findings.push_back({Kind::damaged, "table", "set " + name + " is of another kind than it was made"});
  for (const auto& element : expected.elements)
    if (!observed.elements.contains(element)) findings.push_back(missing_element(name, element, book));
  for (const auto& element : observed.elements)
    if (!expected.elements.contains(element)) findings.push_back(extra_element(name, element, book));
}

}  // namespace

std::vector<Finding> compare_tables(const ListedTable& expected, const ListedTable& observed, const AddressBook& book) {
  std::vector<Finding> findings;
  for (const auto& line : without(observed.others, expected.others))
    findings.push_back({Kind::damaged, "table", "the table says " + quoted(line)});
  for (const auto& line : without(expected.others, observed.others))
    findings.push_back({Kind::damaged, "table", "the table does not say " + quoted(line)});
  for (const auto& [name, rules] : expected.chains) {
    const auto found = observed.chains.find(name);
    if (found == observed.chains.end())
      findings.push_back({Kind::missing, "table", "the table lacks chain " + name});
    else
      compare_chain(name, rules, found->second, findings);
  }
  for (const auto& [name, rules] : observed.chains)
    if (!expected.chains.contains(name))
      findings.push_back({Kind::extra, "table", "the table has a chain " + name + ", which is not ours"});
  for (const auto& [name, set] : expected.sets) {
    const auto found = observed.sets.find(name);
    if (found == observed.sets.end())
      findings.push_back({Kind::missing, "table", "the table lacks set " + name});
    else
      compare_set(name, set, found->second, book, findings);
  }
  for (const auto& [name, set] : observed.sets)
    if (!expected.sets.contains(name))
      findings.push_back({Kind::extra, "table", "the table has a set " + name + ", which is not ours"});
  return findings;
}

std::string listing_of(const std::string& table, const std::string& definition) {
  std::string listing;
  std::exception_ptr failure;
  // A namespace belongs to a thread; it ends with its last one.
  std::thread([&] {
    try {
      if (::unshare(CLONE_NEWNET) != 0) throw base::Error::from_errno("making a network namespace to compare with");
      linux::run_nft(definition);
      listing = linux::list_nft_table("inet", table);
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
  return listing;
}

}  // namespace conductor::network
