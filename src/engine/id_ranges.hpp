// Ids of the host that a container has for itself (user_namespaces(7)): 65,536 in a row. ROOT/ids/FIRST holds the id of
// the container that has taken those from FIRST on; it goes with the container.
#pragma once

#include "engine/container.hpp"
#include "store/locations.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace conductor::engine {

inline constexpr std::uint32_t ids_of_a_container = 65'536;

// What a container gets that asks for nothing: the setting `userns`, host unless it says auto. Throws Error for others.
UserNamespace standard_user_namespace();

// Throws Error for maps that the kernel would refuse, that leave out root of the container, or that hand out the
// host's.
void check_maps(const monitor::IdMaps& maps);

// The ids a container gets: its own range, those of its map, or none for the host's. One that shares the network of
// another has none in its record: it shares the other's, as rights over a network namespace are those over the user
// namespace it belongs to.
monitor::IdMaps ids_for(const store::Locations& locations, const std::string& container, const ContainerConfig& config);

// Takes the lowest range that is free within the setting `userns_range` (FIRST:COUNT, 1048576:2146435072 by default)
// and that /etc/subuid and /etc/subgid give to nobody. The container's directory exists. Throws Error when all are
// taken.
monitor::IdMaps take_ids(const store::Locations& locations, const std::string& container);
void give_up_ids(const store::Locations& locations, const std::string& container);
// First ids of ranges that are taken, sorted, and who has them.
struct TakenIds {
  std::string first;
  std::string container;
};
std::vector<TakenIds> taken_ids(const store::Locations& locations);

// Takes back what containers that are gone had.
void recover_ids(const store::Locations& locations);

// With values that name no ids but those of `maps`.
std::vector<monitor::Option> fitting(std::vector<monitor::Option> sysctls, const monitor::IdMaps& maps);

}  // namespace conductor::engine
