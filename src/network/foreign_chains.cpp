#include "network/foreign_chains.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "linux/nftables_chains.hpp"
#include "network/legacy_chains.hpp"

namespace conductor::network {

namespace {

std::string to_text(const LegacyChain& chain) {
  return std::string(chain.v6 ? "ip6tables-legacy" : "iptables-legacy") + " filter FORWARD";
}

bool can_open(const linux::ForwardChain& chain) { return !chain.owned; }
bool can_open(const LegacyChain& chain) { return !legacy_program(chain.v6).empty(); }

template <class Chain>
bool is_closed(const Chain& chain) {
  return chain.drops && !chain.opened;
}

}  // namespace

ForeignChains::ForeignChains(const Settings& settings)
    : table_(settings.table), comment_("conductor " + settings.table), mark_(settings.mark) {}

bool ForeignChains::let_pass() const {
  for (const auto& chain : linux::forward_chains(comment_, table_))
    if (is_closed(chain) && can_open(chain)) return false;
  for (const auto& chain : legacy_forward_chains(comment_))
    if (is_closed(chain) && can_open(chain)) return false;
  return true;
}

std::vector<std::string> ForeignChains::closed() const {
  std::vector<std::string> names;
  for (const auto& chain : linux::forward_chains(comment_, table_))
    if (is_closed(chain)) names.push_back(linux::to_text(chain));
  for (const auto& chain : legacy_forward_chains(comment_))
    if (is_closed(chain)) names.push_back(to_text(chain));
  return names;
}

void ForeignChains::open() const {
  for (const auto& chain : linux::forward_chains(comment_, table_))
    if (is_closed(chain) && can_open(chain)) linux::insert_accept_rule(chain, mark_, comment_);
  for (const auto& chain : legacy_forward_chains(comment_))
    if (is_closed(chain) && can_open(chain)) change_legacy_chain(chain.v6, "-I", mark_, comment_);
  for (const auto& name : closed())
    base::log(base::LogLevel::warning, "the firewall chain " + name +
                                           " drops what it does not know, and cannot be changed from here: let packets "
                                           "with the mark " +
                                           std::to_string(mark_) + " pass in it");
}

void ForeignChains::close() const {
  base::Collector collector;
  collector.attempt([&] {
    for (const auto& chain : linux::forward_chains(comment_, table_))
      if (chain.opened) linux::remove_commented_rules(chain, comment_);
  });
  collector.attempt([&] {
    for (const auto& chain : legacy_forward_chains(comment_))
      if (chain.opened && can_open(chain)) change_legacy_chain(chain.v6, "-D", mark_, comment_);
  });
  collector.finish();
}

}  // namespace conductor::network
