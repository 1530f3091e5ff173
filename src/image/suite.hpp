// Which suites debootstrap knows, and to which distribution they belong.
#pragma once

#include "image/image.hpp"

#include <optional>
#include <string>
#include <vector>

namespace conductor::image {

// The keyring that a debootstrap script names, which also tells its distribution:
// "keyring /usr/share/keyrings/debian-archive-keyring.gpg". Empty when it names none.
std::string keyring_of_script(std::string_view script);

// The suites of a distribution, sorted. `scripts` is debootstrap's directory of scripts, one a suite.
inline constexpr const char* debootstrap_scripts = "/usr/share/debootstrap/scripts";
std::vector<std::string> known_suites(const std::string& distribution,
                                      const std::string& scripts = debootstrap_scripts);

// The keyring file for a suite. Throws Error with what was probably meant when debootstrap does not know the suite, or
// with the package to install when the keyring is missing.
std::string require_suite(const Suite& suite, const std::string& scripts = debootstrap_scripts);

// The suite of a release number in the table of distro-info-data ("12" → "bookworm", "24.04" → "noble"), if any.
std::optional<std::string> suite_of_version(std::string_view table, std::string_view version);

}  // namespace conductor::image
