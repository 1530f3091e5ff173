#include "network/probe_plan.hpp"

#include "network/attachment.hpp"
#include "network/egress.hpp"
#include "network/graph.hpp"
#include "network/verify_words.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace conductor::network {

namespace {

using Kind = ProbeTask::Kind;

constexpr int last_port = 65535;
constexpr std::size_t attempts_per_pair = 6;  // undeclared ones: TCP, UDP and ICMP, over two addresses

Kind kind_of(Protocol protocol) { return protocol == Protocol::udp ? Kind::udp : Kind::tcp; }

bool opens(const std::vector<PortRange>& open, Protocol protocol, int port) {
  return std::any_of(open.begin(), open.end(), [&](const PortRange& range) {
    return range.protocol == Protocol::any || (range.protocol == protocol && port >= range.first && port <= range.last);
  });
}

// The ends of a range; of everything, the sample.
std::vector<int> ports_to_try(const PortRange& range) {
  const int first = range.first == 0 ? 1 : range.first;
  if (range.protocol == Protocol::any || (first == 1 && range.last == last_port)) return {sample_port};
  return first == range.last ? std::vector{first} : std::vector{first, range.last};
}

bool is_chosen(const Endpoint& endpoint, const std::vector<std::string>& ids) {
  return ids.empty() || std::find(ids.begin(), ids.end(), endpoint.id) != ids.end();
}

class Plan {
 public:
  Plan(const Settings& settings, const std::vector<Endpoint>& attached, const std::vector<std::string>& ids)
      : settings_(settings) {
    for (const auto& endpoint : attached)
      if (is_chosen(endpoint, ids)) chosen_.push_back(&endpoint);
    // Of everybody's edges: what somebody may use is the first thing others must not.
    for (const auto& edge : edges(attached)) {
      open_[{edge.from, edge.to}].push_back(edge.ports);
      if (edge.ports.protocol != Protocol::any)
        used_[{edge.to, edge.ports.protocol}].insert(edge.ports.first == 0 ? sample_port : edge.ports.first);
    }
  }

  std::vector<ProbeTask> make(std::size_t undeclared) {
    // Of many pairs without any edge only every so many-th is looked at.
    const std::size_t all = chosen_.size() * chosen_.size() * attempts_per_pair;
    const std::size_t step_of_pairs = undeclared == 0 ? 0 : all / undeclared + 1;
    std::size_t pair = 0;
    for (const Endpoint* from : chosen_)
      for (const Endpoint* to : chosen_) {
        if (from == to) continue;
        const bool sampled = step_of_pairs != 0 && pair++ % step_of_pairs == 0;
        if (sampled || open_.contains({from, to})) add_pair(*from, *to);
      }
    const std::size_t step = undeclared == 0 ? 0 : (denied_.size() + undeclared - 1) / undeclared;
    for (std::size_t i = 0; step != 0 && i < denied_.size(); i += step) allowed_.push_back(denied_[i]);
    return std::move(allowed_);
  }

 private:
  void add_pair(const Endpoint& from, const Endpoint& to) {
    const auto found = open_.find({&from, &to});
    const std::vector<PortRange> open = found == open_.end() ? std::vector<PortRange>() : found->second;
    for (const auto& address : addresses_of(settings_, to)) {
      const auto add = [&](Kind kind, int port, bool declared) {
        (declared ? allowed_ : denied_).push_back({&from, &to, address, kind, port, declared});
      };
      for (const auto& range : open)
        for (const int port : ports_to_try(range)) {
          if (range.protocol != Protocol::udp) add(Kind::tcp, port, true);
          if (range.protocol != Protocol::tcp) add(Kind::udp, port, true);
        }
      add(Kind::icmp, 0, !open.empty());
      for (const Protocol protocol : {Protocol::tcp, Protocol::udp})
        if (const int port = closed_port(to, open, protocol); port != 0) add(kind_of(protocol), port, false);
    }
  }

  // One that `open` does not have; 0 when it has all.
  int closed_port(const Endpoint& to, const std::vector<PortRange>& open, Protocol protocol) const {
    const auto used = used_.find({&to, protocol});
    if (used != used_.end())
      for (const int port : used->second)
        if (!opens(open, protocol, port)) return port;
    for (int port = sample_port; port > 0; --port)
      if (!opens(open, protocol, port)) return port;
    return 0;
  }

  const Settings& settings_;
  std::vector<const Endpoint*> chosen_;
  std::map<std::pair<const Endpoint*, const Endpoint*>, std::vector<PortRange>> open_;
  std::map<std::pair<const Endpoint*, Protocol>, std::set<int>> used_;
  std::vector<ProbeTask> allowed_, denied_;
};

}  // namespace

std::vector<ProbeTask> plan_probes(const Settings& settings, const std::vector<Endpoint>& attached,
                                   const std::vector<std::string>& ids, std::size_t undeclared) {
  return Plan(settings, attached, ids).make(undeclared);
}

std::vector<ProbeTask> plan_host_probes(const Settings& settings, const std::vector<Endpoint>& attached,
                                        const std::vector<std::string>& ids, const Endpoint& host) {
  std::vector<linux::IpAddress> addresses{gateway_of(false)};
  if (settings.ipv6()) addresses.push_back(host_address6(settings));
  std::vector<ProbeTask> tasks;
  for (const Endpoint& from : attached) {
    if (!is_chosen(from, ids)) continue;
    const auto open = merged_ports(from.config.host_ports);
    for (const auto& address : addresses) {
      for (const auto& range : open)
        for (const int port : ports_to_try(range))
          tasks.push_back({&from, &host, address, kind_of(range.protocol), port, true});
      for (const Protocol protocol : {Protocol::tcp, Protocol::udp})
        if (!opens(open, protocol, sample_port))
          tasks.push_back({&from, &host, address, kind_of(protocol), sample_port, false});
    }
  }
  return tasks;
}

std::string target_words(const ProbeTask& task) {
  std::string words = display_name(*task.to);
  if (task.kind != ProbeTask::Kind::icmp)
    words += std::string(" on ") + (task.kind == ProbeTask::Kind::tcp ? "tcp " : "udp ") + std::to_string(task.port);
  return words + " (" + linux::to_text(task.address) + ")";
}

}  // namespace conductor::network
