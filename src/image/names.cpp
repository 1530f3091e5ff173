#include "image/names.hpp"

#include "base/log.hpp"
#include "base/sha256.hpp"
#include "base/text.hpp"
#include "image/layers.hpp"
#include "store/records.hpp"

#include <algorithm>

namespace conductor::image {
namespace {

constexpr std::size_t longest_file_name = 200;  // below NAME_MAX
constexpr std::string_view record_suffix = ".json";

std::string tag_record(const store::Locations& locations, const Reference& reference) {
  return locations.tags() + "/" + encode_file_name(reference.text());
}

// A record that cannot be read does not keep anybody from the others.
template <class T>
std::optional<T> read_or_log(const std::string& path) {
  try {
    return store::read_record<T>(path);
  } catch (const base::Error& e) {
    base::log(base::LogLevel::warning, e.message());
    return std::nullopt;
  }
}

std::optional<std::string> without_suffix(const std::string& name) {
  if (!name.ends_with(record_suffix)) return std::nullopt;
  return name.substr(0, name.size() - record_suffix.size());
}

bool is_whole(const store::Locations& locations, const Image& image) {
  return std::all_of(image.layers.begin(), image.layers.end(),
                     [&](const std::string& layer) { return layer_is_whole(locations, layer); });
}

}  // namespace

std::string encode_file_name(const std::string& reference) {
  std::string name;
  for (const char c : reference) {
    if (c == '/')
      name += "%2F";
    else if (c == '%')
      name += "%25";
    else
      name += c;
  }
  return name.size() <= longest_file_name ? name : "%" + base::sha256_hex(reference);
}

std::optional<std::string> read_tag(const store::Locations& locations, const Reference& reference) {
  const auto tag = store::read_record<Tag>(tag_record(locations, reference));
  return tag ? std::optional(tag->image) : std::nullopt;
}

void write_tag(const store::Locations& locations, const Reference& reference, const std::string& image) {
  const std::string path = tag_record(locations, reference);
  const auto old = read_or_log<Tag>(path);
  if (!old || old->image != image) store::write_record(path, Tag{reference.text(), image});
}

bool remove_tag(const store::Locations& locations, const Reference& reference) {
  return store::remove_file(tag_record(locations, reference));
}

std::vector<Tag> all_tags(const store::Locations& locations) {
  std::vector<Tag> tags;
  for (const auto& name : store::list_directory(locations.tags()))
    if (auto tag = read_or_log<Tag>(locations.tags() + "/" + name)) tags.push_back(std::move(*tag));
  return tags;
}

std::string image_record(const store::Locations& locations, const std::string& id) {
  return locations.images() + "/" + id + std::string(record_suffix);
}

std::optional<Image> read_image(const store::Locations& locations, const std::string& id) {
  return store::read_record<Image>(image_record(locations, id));
}

std::vector<Image> all_images(const store::Locations& locations, const std::string& prefix) {
  std::vector<Image> images;
  for (const auto& name : store::list_directory(locations.images())) {
    if (!name.starts_with(prefix) || !without_suffix(name)) continue;
    if (auto image = read_or_log<Image>(locations.images() + "/" + name)) images.push_back(std::move(*image));
  }
  return images;
}

std::string base_record(const store::Locations& locations, const Suite& suite) {
  return locations.bases() + "/" + encode_file_name(suite.text()) + std::string(record_suffix);
}

std::optional<Image> read_base(const store::Locations& locations, const Suite& suite) {
  auto image = read_or_log<Image>(base_record(locations, suite));
  if (image && !is_whole(locations, *image)) return std::nullopt;
  return image;
}

std::vector<Base> all_bases(const store::Locations& locations) {
  std::vector<Base> bases;
  for (const auto& name : store::list_directory(locations.bases())) {
    const auto text = without_suffix(name);
    if (!text) continue;
    auto image = read_or_log<Image>(locations.bases() + "/" + name);
    if (image && is_whole(locations, *image)) bases.push_back({parse_reference(*text), std::move(*image)});
  }
  return bases;
}

}  // namespace conductor::image
