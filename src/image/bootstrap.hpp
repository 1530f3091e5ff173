// Bases bootstrapped from a distribution's signed archive with the host's debootstrap(8).
#pragma once

#include "image/image.hpp"
#include "store/locations.hpp"

namespace conductor::image {

// The base of a suite, made when it is not there: one process at a time, the others wait and take its result. Killed at
// any point it leaves no process, no mount, and nothing that is later taken as whole.
Image bootstrap(Images& images, const store::Locations& locations, const Suite& suite, const Progress& progress,
                const linux::Cancellation* cancellation = nullptr);

// The words of the call; `target` is an empty directory. Pure.
std::vector<std::string> debootstrap_arguments(const Suite& suite, const std::string& keyring,
                                               const std::string& target, const std::optional<std::string>& mirror);

}  // namespace conductor::image
