#include "compose/reach_ends.hpp"

#include "base/text.hpp"
#include "compose/collect.hpp"
#include "network/graph.hpp"

#include <algorithm>

namespace conductor::compose {
namespace {

using Kind = Reach::Kind;

class Ends {
 public:
  Ends(const Project& project, const std::vector<Reach>& reach, const std::vector<network::Endpoint>& endpoints)
      : project_(project), reach_(reach), endpoints_(endpoints) {}

  End resolve(const std::string& word) const {
    const std::string name = service_of_group(project_, word);
    if (const auto* service = project_.find(name)) return {End::Is::service, name, with_network(*service)};
    for (const auto& service : project_.services)
      if (std::ranges::find(service.containers, word, &engine::ContainerConfig::name) != service.containers.end())
        return {End::Is::service, service.name, with_network(service)};
    if (word == internet_word) return {End::Is::outside, word, nullptr};
    if (word == host_word) return {End::Is::host, word, nullptr};
    if (word == world_word) return {End::Is::world, word, nullptr};
    if (const auto* endpoint = endpoint_at(word)) return resolve_endpoint(*endpoint, word);
    if (is_mentioned(word)) return {End::Is::other, word, nullptr};
    if (linux::parse_prefix(word) || word.find('.') != std::string::npos)
      return {End::Is::outside, base::lower(word), nullptr};
    if (word.find('/') != std::string::npos) return {End::Is::other, word, nullptr};
    unknown(word);
  }

 private:
  const Project& project_;
  const std::vector<Reach>& reach_;
  const std::vector<network::Endpoint>& endpoints_;

  End resolve_endpoint(const network::Endpoint& endpoint, const std::string& word) const {
    for (const auto& group : endpoint.config.groups)
      if (const auto* service = project_.find(service_of_group(project_, group)))
        return {End::Is::service, service->name, with_network(*service)};
    const bool address = linux::parse_ip(word).has_value();
    return {End::Is::other, address && !endpoint.config.names.empty() ? endpoint.config.names.front() : word, nullptr};
  }

  const network::Endpoint* endpoint_at(const std::string& word) const {
    const auto address = linux::parse_ip(word);
    for (const auto& endpoint : endpoints_) {
      if (network::answers_to(endpoint, word)) return &endpoint;
      if (address && !address->v6 && address->ipv4() == endpoint.address) return &endpoint;
      if (std::ranges::find(endpoint.addresses, word) != endpoint.addresses.end()) return &endpoint;
    }
    return nullptr;
  }

  bool is_mentioned(const std::string& word) const {
    return std::ranges::any_of(reach_, [&](const Reach& reach) {
      return (reach.kind == Kind::link && reach.to == word) || (reach.kind == Kind::allowed && reach.from == word);
    });
  }

  [[noreturn]] void unknown(const std::string& word) const {
    auto known = collect(project_.services, &DesiredService::name);
    for (const auto* other : {internet_word, host_word, world_word}) known.emplace_back(other);
    throw base::Error("no such service: " + word + base::did_you_mean(word, known))
        .with_hint("an end is a service, project/service, a host name or address, internet, host or world");
  }

  // The service whose network namespace this one is in, if it is in another's.
  const DesiredService* with_network(const DesiredService& service) const {
    const DesiredService* owner = &service;
    for (std::size_t steps = 0; steps < project_.services.size(); ++steps) {
      const auto joined = std::ranges::find_if(
          reach_, [&](const Reach& reach) { return reach.kind == Kind::joined && reach.from == owner->name; });
      const auto* next = joined == reach_.end() ? nullptr : project_.find(joined->to);
      if (next == nullptr) return owner;
      owner = next;
    }
    return owner;
  }
};

}  // namespace

End resolve_end(const Project& project, const std::vector<Reach>& reach,
                const std::vector<network::Endpoint>& endpoints, const std::string& word) {
  return Ends(project, reach, endpoints).resolve(word);
}

}  // namespace conductor::compose
