// Network::verify: looks at every part of the kernel that the network consists of and compares it with what the same
// code would make.
#include "base/error.hpp"
#include "linux/namespaces.hpp"
#include "linux/nftables.hpp"
#include "network/attachment.hpp"
#include "network/differences.hpp"
#include "network/firewall_elements.hpp"
#include "network/firewall_text.hpp"
#include "network/foreign_chains.hpp"
#include "network/foundation.hpp"
#include "network/graph.hpp"
#include "network/interface_settings.hpp"
#include "network/names.hpp"
#include "network/network.hpp"
#include "network/records.hpp"
#include "network/settings.hpp"
#include "network/uplinks.hpp"
#include "network/verify_host.hpp"
#include "network/verify_inside.hpp"
#include "network/verify_table.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <tuple>

namespace conductor::network {

namespace {

using Kind = Finding::Kind;

bool is_stray_interface(const Finding& finding) {
  return finding.kind == Kind::extra && finding.object == "interface" && finding.ids.empty();
}

class Verification {
 public:
  Verification(const Settings& settings, const Records& records, const Network::NamespaceOpener& opener)
      : settings_(settings),
        records_(records),
        opener_(opener),
        attached_(records.attached()),
        book_(settings, attached_),
        ranges_(guarded_ranges(settings, records)),
        host_(look_at_host()),
        index_(host_) {}

  std::vector<Finding> run() {
    if (attached_.empty()) {
      check_nothing_stands();
    } else {
      check_foundation();
      check_table();
      for (const auto& endpoint : attached_) check_host_end(endpoint);
      check_insides();
      check_names();
    }
    check_strays();
    check_stray_routes();
    add(compare_ranges(host_networks(settings_), ranges_));
    return std::move(findings_);
  }

 private:
  void note(Kind kind, const char* object, std::string text, std::vector<std::string> ids = {}) {
    findings_.push_back({kind, object, std::move(text), std::move(ids)});
  }
  void add(std::vector<Finding> more) {
    for (auto& finding : more) findings_.push_back(std::move(finding));
  }
  // Findings that are about an endpoint, whoever else they name.
  void add_of(const Endpoint& endpoint, std::vector<Finding> more) {
    for (auto& finding : more) finding.ids.insert(finding.ids.begin(), endpoint.id);
    add(std::move(more));
  }
  // A part that cannot be looked at is a finding of its own; the others are looked at all the same.
  template <class Look>
  void attempt(const char* object, Look&& look, std::vector<std::string> ids = {}) {
    try {
      look();
    } catch (const base::Error& e) {
      note(Kind::damaged, object, "it cannot be looked at: " + e.message(), std::move(ids));
    }
  }

  // --- the host

  void check_nothing_stands() {
    if (linux::nft_table_exists("inet", settings_.table))
      note(Kind::extra, "table", "the table inet " + settings_.table + " is there, though no container runs");
    for (const auto& rule : policy_rules(settings_, ranges_))
      if (std::find(host_.rules.begin(), host_.rules.end(), rule) != host_.rules.end())
        note(
            Kind::extra, "policy rule",
            "rule " + std::to_string(rule.priority) + " (" + rule_words(rule) + ") is there, though no container runs");
  }

  void check_foundation() {
    const auto all_uplinks = uplinks();
    std::vector<std::string> uplink_names;
    for (const auto& uplink : all_uplinks) uplink_names.push_back(uplink.interface);
    add(compare_rules(settings_, policy_rules(settings_, ranges_), host_.rules, ranges_, uplink_names));
    attempt("guard", [&] {
      for (const auto& guard : packet_guards(settings_, ranges_))
        if (!linux::packet_guard_stands(guard))
          note(Kind::missing, "guard",
               "without the table containers of " + linux::to_text(guard.range) +
                   " could reach services of the host: the policy that prevents it is missing");
    });
    if (settings_.ipv6()) check_host_address6();
    check_uplinks(all_uplinks);
    attempt("firewall", [&] {
      for (const auto& chain : ForeignChains(settings_).closed())
        note(Kind::missing, "firewall",
             "the chain " + chain + " drops what it does not know, and lacks the rule that accepts our mark");
    });
    if (read_interface_setting(Family::ipv4, "all", "route_localnet") == 1)
      note(Kind::clash, "sysctl",
           "net.ipv4.conf.all.route_localnet is 1: neighbours of the host can reach what listens on its loopback");
  }

  void check_host_address6() {
    const auto* loopback = host_.link("lo");
    const auto address = host_address6(settings_);
    if (loopback == nullptr || std::none_of(host_.addresses.begin(), host_.addresses.end(), [&](const auto& found) {
          return found.interface == loopback->index && found.address == address;
        }))
      note(Kind::missing, "address",
           "the host's own address towards containers, " + linux::to_text(address) + ", is not on lo any more");
  }

  void check_uplinks(const std::vector<Uplink>& all) {
    if (Uplinks(settings_, records_.state()).ready(host_.rules)) return;
    const std::size_t before = findings_.size();
    for (const auto& [interface, v6] : all) {
      const auto off = [&](const char* name) {
        return read_interface_setting(v6 ? Family::ipv6 : Family::ipv4, interface, name) == 0;
      };
      const std::string setting = std::string("net.") + (v6 ? "ipv6" : "ipv4") + ".conf." + interface + ".";
      for (const char* name : {v6 ? "force_forwarding" : "forwarding", v6 ? "" : "src_valid_mark"})
        if (*name != '\0' && off(name)) note(Kind::damaged, "uplink", setting + name + " is 0 instead of 1");
    }
    if (findings_.size() == before)
      note(Kind::damaged, "uplink", "an uplink is new, or the rule that keeps one from forwarding for others is gone");
  }

  void check_table() {
    if (!linux::nft_table_exists("inet", settings_.table))
      return note(Kind::missing, "table", "the table inet " + settings_.table + " is gone: nothing is let through");
    attempt("table", [&] {
      const std::string definition =
          table_text(settings_, ranges_, host_name_servers(), firewall_elements(settings_, attached_));
      const auto expected = parse_table(listing_of(settings_.table, definition));
      const auto observed = parse_table(linux::list_nft_table("inet", settings_.table));
      add(compare_tables(expected, observed, book_));
    });
  }

  void check_host_end(const Endpoint& endpoint) {
    add_of(endpoint, compare_host_end(settings_, endpoint, index_));
    const auto* link = index_.link(endpoint.interface);
    if (link == nullptr) return;
    add_of(endpoint, check_host_settings(settings_, endpoint));
    attempt("source filter", [&] { add_of(endpoint, check_source_filter(netlink_, settings_, endpoint, link->index)); },
            {endpoint.id});
  }

  void check_strays() {
    for (const auto& name : stray_interfaces(settings_, book_, host_))
      if (netlink_.link(name)) note(Kind::extra, "interface", "the interface " + name + " is no container's");
  }

  void check_stray_routes() {
    for (const auto& route : stray_routes(settings_, book_, host_))
      note(Kind::extra, "route",
           "the host has a route to " + linux::to_text(linux::prefix_of(route.destination, route.prefix_length)) +
               " through " + host_.name_of(route.interface) + " among those to containers, which leads to none");
  }

  // --- the inside

  void check_insides() {
    std::map<std::string, std::set<InnerRoute>> declared;
    for (const auto& route : inner_routes(settings_, attached_)) declared[route.endpoint].insert(route);
    for (const auto& endpoint : attached_) {
      std::optional<linux::Fd> space;
      try {
        space = opener_(endpoint.id);
      } catch (const base::Error&) {
        space.reset();  // told below, as for one that is not running
      }
      if (!space) {
        note(Kind::missing, "namespace",
             display_name(endpoint) + " is recorded as attached, but has no network namespace that can be opened",
             {endpoint.id});
        continue;
      }
      attempt("namespace",
              [&] {
                NetworkState inside;
                linux::in_network_namespace(*space, [&] { inside = look_at_network(); });
                add_of(endpoint, compare_inside(settings_, endpoint, declared[endpoint.id], inside, book_));
              },
              {endpoint.id});
    }
  }

  void check_names() {
    for (const auto& endpoint : attached_) {
      const auto directory = records_.files_directory(endpoint.id);
      if (!directory) continue;
      const auto text = linux::try_read_file(*directory + "/hosts");
      if (!text)
        note(Kind::missing, "names", "the hosts file of " + display_name(endpoint) + " is gone", {endpoint.id});
      else if (*text != hosts_text(settings_, endpoint, records_.related(endpoint)))
        note(Kind::damaged, "names", "the hosts file of " + display_name(endpoint) + " does not list what it may reach",
             {endpoint.id});
    }
  }

  const Settings& settings_;
  const Records& records_;
  const Network::NamespaceOpener& opener_;
  std::vector<Endpoint> attached_;
  AddressBook book_;
  std::vector<linux::IpPrefix> ranges_;
  NetworkState host_;
  HostIndex index_;
  linux::Netlink netlink_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> each_once(std::vector<Finding> findings) {
  std::vector<Finding> result;
  std::map<std::tuple<Kind, std::string, std::string>, std::size_t> known;
  for (auto& finding : findings) {
    const auto [place, is_new] = known.emplace(std::tuple(finding.kind, finding.object, finding.text), result.size());
    if (is_new) {
      result.push_back(std::move(finding));
      continue;
    }
    auto& ids = result[place->second].ids;
    for (auto& id : finding.ids)
      if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(std::move(id));
  }
  return result;
}

std::vector<Finding> differences(const Settings& settings, const Records& records,
                                 const Network::NamespaceOpener& opener) {
  return each_once(Verification(settings, records, opener).run());
}

bool await_dying(const Settings& settings, const Records& records, std::chrono::steady_clock::time_point deadline) {
  using std::chrono::milliseconds;
  linux::Netlink netlink;
  const auto goes = [&](const std::string& name) {
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - std::chrono::steady_clock::now());
    return netlink.wait_gone(name, static_cast<int>(std::max(left, milliseconds(0)).count()));
  };
  const NetworkState host = look_at_host();  // before the records: whoever attaches says so first
  const auto strays = stray_interfaces(settings, AddressBook(settings, records.attached()), host);
  return strays.empty() || std::count_if(strays.begin(), strays.end(), goes) != 0;
}

std::vector<Finding> Network::verify() const {
  const base::Context context("verifying the network");
  const auto deadline = std::chrono::steady_clock::now() + patience_with_dying;
  while (true) {
    // Nobody attaches or detaches meanwhile: what is half done would look like damage.
    auto exclusive = lock(store::Lock::Mode::exclusive);
    auto findings = differences(settings_, *records_, opener_);
    exclusive.release();
    const bool any_stray = std::any_of(findings.begin(), findings.end(), is_stray_interface);
    if (!any_stray || !await_dying(settings_, *records_, deadline)) return findings;
  }
}

}  // namespace conductor::network
