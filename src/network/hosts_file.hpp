// The hosts files of endpoints, kept current while they are bind-mounted: written in place, so that the inode stays.
#pragma once

#include "network/network.hpp"
#include "network/records.hpp"

namespace conductor::network {

// Writes DIRECTORY/hosts of that endpoint from the records as they are; a file that is current is left alone.
void write_hosts_file(const Settings& settings, const Records& records, const std::string& id,
                      const std::string& directory);
// The files of all that may list `endpoint`, and its own. Bounded by what it has to do with, not by how many there are.
void refresh_hosts_files(const Settings& settings, const Records& records, const Endpoint& endpoint);

}  // namespace conductor::network
