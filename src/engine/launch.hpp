// What was asked for (ContainerConfig) as what the monitor is told (LaunchSpec): arguments, environment, confinement,
// mounts. Pure but for the files it names; nothing is started here.
#pragma once

#include "engine/container.hpp"
#include "linux/capabilities.hpp"
#include "monitor/protocol.hpp"
#include "runtime/runtime.hpp"
#include "store/locations.hpp"
#include "volume/volume.hpp"

#include <string>
#include <vector>

namespace conductor::engine {

// Files of a container's directory that are bound into it.
inline constexpr const char* hosts_file = "hosts";
inline constexpr const char* resolver_file = "resolv.conf";
inline constexpr const char* hostname_file = "hostname";

// The program and its arguments: entrypoint and command, each the image's unless given; an entrypoint that is given
// takes the image's command away. Throws Error when nothing is left.
std::vector<std::string> arguments_of(const Container& container);
// PATH, HOSTNAME and TERM, then the image's, then the container's, then `more`; of each name the last one counts.
std::vector<std::string> environment_of(const Container& container, const std::vector<std::string>& more = {});
std::string hostname_of(const Container& container);
// The default set and cap_add without cap_drop; "ALL" counts as every capability. Throws Error for an unknown name.
linux::CapabilitySet capabilities_of(const ContainerConfig& config);
// Signal number. Throws Error for an unknown name.
int stop_signal_of(const Container& container);

// With the image's shell for a CMD-SHELL.
monitor::Healthcheck healthcheck_of(const Container& container);

// A process with the container's confinement; arguments, user and directory are the caller's.
monitor::Process confined_process(const Container& container, const store::Locations& locations);

// Everything runtime::create needs but the network's part, which Engine adds. `lower` has the topmost layer first.
runtime::Setup launch_setup(const Container& container, const std::vector<std::string>& lower,
                            const volume::Volumes& volumes, const store::Locations& locations);

// The resolver of a container that may reach hosts by name; without names when it may not.
monitor::Resolver resolver_of(const std::string& id, const network::EndpointConfig& endpoint,
                              const store::Locations& locations);

// What the monitor serves: at the container's IPv4 address, and where nothing listens there at its IPv6 address. The
// sockets stay those of `ports`.
std::vector<runtime::Created::Listener> listeners_of(const network::Settings& settings,
                                                     const network::Endpoint& endpoint,
                                                     const std::vector<network::PortListener>& ports);

// The directory holding a container's writable layer, and its work directory.
std::string upper_directory(const store::Locations& locations, const std::string& id);
std::string work_directory(const store::Locations& locations, const std::string& id);

// Our own program: CONDUCTOR_PROGRAM, or the running one when it is conductor; empty when it is another (a test).
std::string own_program();

}  // namespace conductor::engine
