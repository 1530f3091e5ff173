// An image as `images` and `inspect` show it, in docker's words.
#pragma once

#include "base/json.hpp"
#include "image/image.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace conductor::cli {

// Fields of one line of `images`: Repository, Tag, ID, CreatedAt, CreatedSince, Size.
base::Json listed(const image::Listed& image, bool whole, std::int64_t now_ns);
// `all` is the list of all images, in which its names are found.
base::Json inspected(const image::Images& images, const std::vector<image::Listed>& all, const image::Image& image);
// "sha256:" and the id: how docker writes whole ids of images.
std::string image_digest(const image::Image& image);
// The configuration as docker shows it: ports and volumes as objects, what is not set left out.
base::Json config_json(const image::Config& config);

// One line of `history`, newest first: ID, CreatedAt, CreatedSince, CreatedBy, Size, Comment. `size_of` answers a
// layer's bytes. Layers of which no history is known come last, without an instruction.
struct HistoryStyle {
  bool whole = false;  // nothing cut off
  bool human = true;   // sizes and ages for people
};
std::vector<base::Json> history_rows(const image::Image& image,
                                     const std::function<std::int64_t(const std::string& layer)>& size_of,
                                     HistoryStyle style, std::int64_t now_ns);

}  // namespace conductor::cli
