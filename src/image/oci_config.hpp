// The image configuration document (OCI image specification, config.md), with docker's further members. Its SHA-256 is
// the image's id.
#pragma once

#include "image/image.hpp"

#include <string>
#include <vector>

namespace conductor::image {

// One line of JSON without blanks, members always in the same order, empty ones left out. `diff_ids` has one for each
// layer, lowest first. Uses neither the image's id nor its size; `created` 0 is left out. Pure.
std::string oci_config(const Image& image, const std::vector<std::string>& diff_ids);

// RFC 3339 in UTC, with as many digits of a second as it needs: "2026-01-02T03:04:05Z".
std::string oci_time(std::int64_t unix_ns);

}  // namespace conductor::image
