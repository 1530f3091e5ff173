// Words of metadata instructions as values of the image's configuration. Pure.
#pragma once

#include "image/image.hpp"
#include "parser/conductorfile.hpp"

#include <optional>
#include <string>
#include <vector>

namespace conductor::builder {

// EXPOSE: "8080", "8080/udp", "9000-9002/tcp" as single ports with their protocol, tcp when none is given. Of a
// published port, "127.0.0.1:80:8080", only the container's counts. Throws Error for what is no port.
std::vector<std::string> exposed_ports(const std::string& text);

// STOPSIGNAL: the text itself, once it names a signal or is its number. Throws Error for others.
std::string checked_signal(const std::string& text);

// HEALTHCHECK with its flags. Times are durations of at least 1 ms, or 0 for the default. Throws Error naming the flag.
image::Healthcheck healthcheck_of(const parser::Healthcheck& check, const std::vector<parser::Flag>& flags);

// An empty JSON form takes the value of the base image away. `shell` is that of the shell form.
std::optional<std::vector<std::string>> command_words(const parser::Command& command, std::vector<std::string> shell);

// More of a list that is sorted and has each once.
void add_sorted(std::vector<std::string>& list, const std::vector<std::string>& more);

}  // namespace conductor::builder
