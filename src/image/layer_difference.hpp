// What two layers that should be the same do not share.
#pragma once

#include "image/image.hpp"

#include <optional>
#include <string>

namespace conductor::image {

// The first difference of two layer directories in the order of their archives; one in anything else before one in
// times alone.
std::optional<LayerDifference> compare_layers(const std::string& first, const std::string& second);

}  // namespace conductor::image
