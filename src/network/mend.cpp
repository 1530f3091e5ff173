// Network::mend: what all endpoints stand on is made anew, then both ends of each link are put right part by part.
#include "base/error.hpp"
#include "base/log.hpp"
#include "linux/namespaces.hpp"
#include "linux/nftables.hpp"
#include "network/attachment.hpp"
#include "network/declared_parts.hpp"
#include "network/differences.hpp"
#include "network/foundation.hpp"
#include "network/graph.hpp"
#include "network/hosts_file.hpp"
#include "network/network.hpp"
#include "network/records.hpp"
#include "network/verify_host.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <set>

namespace conductor::network {

namespace {

class Mender {
 public:
  Mender(const Settings& settings, const Records& records, const Network::NamespaceOpener& opener)
      : settings_(settings), records_(records), opener_(opener), attached_(records.attached()) {
    for (const auto& route : inner_routes(settings, attached_)) declared_[route.endpoint].insert(route);
  }

  void mend_endpoints() {
    for (const auto& endpoint : attached_) attempt([&] { mend_link(endpoint); });
    const NetworkState host = look_at_host();
    const HostIndex index(host);
    for (const auto& endpoint : attached_) {
      attempt([&] { mend_host_end(endpoint, index); });
      attempt([&] { mend_inside(endpoint); });
      attempt([&] { mend_names(endpoint); });
    }
  }

  // Interfaces with our prefix that are no endpoint's, and routes among those to endpoints that lead to none.
  void remove_strays() {
    const NetworkState host = look_at_host();
    const AddressBook book(settings_, attached_);
    ForeignParts strays;
    strays.routes = stray_routes(settings_, book, host);
    for (const auto& name : stray_interfaces(settings_, book, host))
      if (name.starts_with(settings_.interface_prefix)) strays.interfaces.push_back(*host.link(name));
    attempt([&] {
      linux::Netlink netlink;
      remove(netlink, strays);
    });
  }

  template <class Step>
  static void attempt(Step&& step) {
    try {
      step();
    } catch (const base::Error& e) {
      base::log(base::LogLevel::warning, e.message());
    }
  }

 private:
  // A pair of which one end is gone is made again.
  void mend_link(const Endpoint& endpoint) const {
    const base::Context context("connecting " + display_name(endpoint) + " again");
    const auto space = opener_(endpoint.id);
    if (!space) return;
    bool inner_end = false;
    linux::in_network_namespace(*space, [&] { inner_end = linux::Netlink().link(inner_interface).has_value(); });
    linux::Netlink netlink;
    const auto outer_end = netlink.link(endpoint.interface);
    if (outer_end && inner_end) return;
    if (outer_end) netlink.remove_link(outer_end->index);
    netlink.send();
    if (inner_end) remove_inner_end(*space);
    make_veth(settings_, endpoint, *space);
  }

  static void remove_inner_end(const linux::Fd& space) {
    linux::in_network_namespace(space, [] {
      linux::Netlink inner;
      if (const auto link = inner.link(inner_interface)) inner.remove_link(link->index);
      inner.send();
    });
  }

  void mend_host_end(const Endpoint& endpoint, const HostIndex& host) const {
    const base::Context context("mending the host's end of " + display_name(endpoint) + "'s link");
    const auto* link = host.link(endpoint.interface);
    if (link == nullptr) return;
    linux::Netlink netlink;
    remove(netlink, foreign_at_host_end(settings_, endpoint, link->index, host));
    for (const auto& [family, name, value] : host_end_settings(settings_))
      write_interface_setting(family, endpoint.interface, name, value);
    netlink.set_link_group(link->index, settings_.interface_group);
    set_up_host_end(netlink, settings_, endpoint, link->index);
    netlink.send();
  }

  void mend_inside(const Endpoint& endpoint) {
    const base::Context context("mending the inside of " + display_name(endpoint));
    const auto space = opener_(endpoint.id);
    if (!space) return;
    const auto& declared = declared_[endpoint.id];
    linux::in_network_namespace(*space, [&] {
      linux::Netlink inner;
      const auto link = inner.link(inner_interface);
      if (!link) return;
      remove(inner, foreign_inside(settings_, endpoint, declared, link->index, look_at_network()));
      set_up_inner_end(inner, settings_, endpoint);
    });
    change_inner_routes(*space, {}, {declared.begin(), declared.end()});
  }

  void mend_names(const Endpoint& endpoint) const {
    if (const auto directory = records_.files_directory(endpoint.id))
      write_hosts_file(settings_, records_, endpoint.id, *directory);
  }

  const Settings& settings_;
  const Records& records_;
  const Network::NamespaceOpener& opener_;
  std::vector<Endpoint> attached_;
  std::map<std::string, std::set<InnerRoute>> declared_;
};

bool same(const Finding& a, const Finding& b) { return a.kind == b.kind && a.object == b.object && a.text == b.text; }

}  // namespace

Mending Network::mend() {
  const base::Context context("repairing the network");
  await_dying(settings_, *records_, std::chrono::steady_clock::now() + patience_with_dying);
  const auto exclusive = lock(store::Lock::Mode::exclusive);
  records_->sweep();
  finish_changes();
  Mending mending;
  mending.mended = differences(settings_, *records_, opener_);
  if (mending.mended.empty()) return mending;
  Mender mender(settings_, *records_, opener_);
  // An endpoint's lost end comes first: the others' ways lead to it.
  mender.mend_endpoints();
  Mender::attempt([&] { rebuild_or_remove(records_->attached()); });
  mender.remove_strays();
  mending.left = differences(settings_, *records_, opener_);
  std::erase_if(mending.mended, [&](const Finding& finding) {
    return std::any_of(mending.left.begin(), mending.left.end(), [&](const auto& left) { return same(left, finding); });
  });
  return mending;
}

}  // namespace conductor::network
