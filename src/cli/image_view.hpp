// An image as `images` and `inspect` show it, in docker's words.
#pragma once

#include "base/json.hpp"
#include "image/image.hpp"

#include <string>

namespace conductor::cli {

// Fields of one line of `images`: Repository, Tag, ID, CreatedAt, CreatedSince, Size.
base::Json listed(const image::Listed& image, bool whole, std::int64_t now_ns);
base::Json inspected(const image::Images& images, const image::Image& image);

}  // namespace conductor::cli
