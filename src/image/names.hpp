// Names of images: one record per reference, in a file whose name is the reference, encoded.
#pragma once

#include "base/fields.hpp"
#include "image/image.hpp"
#include "store/locations.hpp"

#include <optional>
#include <string>
#include <vector>

namespace conductor::image {

struct Tag {
  std::string reference;  // "team/app:1.2"
  std::string image;      // id
};
template <base::Is<Tag> S, class V>
void fields(S& s, V&& v) {
  v("reference", s.reference), v("image", s.image);
}

// "/" and "%" become %2F and %25; what is too long for a file name becomes its hash.
std::string encode_file_name(const std::string& reference);

// The image a name stands for. A damaged record throws.
std::optional<std::string> read_tag(const store::Locations& locations, const Reference& reference);
// Moves the name when it exists; durable when it returns. Nothing is written when it already stands for that image.
void write_tag(const store::Locations& locations, const Reference& reference, const std::string& image);
bool remove_tag(const store::Locations& locations, const Reference& reference);

// All that can be read; a damaged record is logged and left out.
std::vector<Tag> all_tags(const store::Locations& locations);

// The records of all images whose id begins with `prefix`, those of bases not among them; a damaged one is logged and
// left out. Other records are not read.
std::vector<Image> all_images(const store::Locations& locations, const std::string& prefix = {});
std::optional<Image> read_image(const store::Locations& locations, const std::string& id);
std::string image_record(const store::Locations& locations, const std::string& id);  // path

// Bases that have been bootstrapped and whose layers are all there.
struct Base {
  Reference reference;
  Image image;
};
std::vector<Base> all_bases(const store::Locations& locations);
std::optional<Image> read_base(const store::Locations& locations, const Suite& suite);
std::string base_record(const store::Locations& locations, const Suite& suite);  // path

}  // namespace conductor::image
