// Finding, naming, listing and removing images.
#include "base/error.hpp"
#include "base/sha256.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "image/bootstrap.hpp"
#include "image/image.hpp"
#include "image/layers.hpp"
#include "image/names.hpp"
#include "image/oci_config.hpp"
#include "monitor/event_journal.hpp"

#include <sys/utsname.h>

#include <algorithm>
#include <map>
#include <set>

namespace conductor::image {
namespace {

using base::Error;

constexpr std::size_t shortest_id = 4;

std::optional<Reference> try_reference(const std::string& text) {
  try {
    return parse_reference(text);
  } catch (const Error&) {
    return std::nullopt;
  }
}

store::Lock lock_names(const store::Locations& locations) {
  return store::Lock::acquire(locations.locks() + "/images");
}

std::optional<Image> find_by_reference(const store::Locations& locations, const Reference& reference) {
  if (const auto id = read_tag(locations, reference))
    if (auto image = read_image(locations, *id)) return image;
  if (const auto suite = suite_of(reference)) return read_base(locations, *suite);
  return std::nullopt;
}

std::string digest_of(const Image& image) { return "sha256:" + image.id; }

[[noreturn]] void wrong_digest(const Reference& reference, const Image& image) {
  throw Error("the image " + reference.text() + " is " + digest_of(image) + ", not the " + reference.digest +
              " that is asked for")
      .with_hint(suite_of(reference) ? "bases are bootstrapped on this machine; a registry's digest does not name them"
                                     : "an image's digest is its id, as 'conductor images --no-trunc' shows it");
}

// The name's image when it has the digest, else one of another tag of the name that has it.
std::optional<Image> find_pinned(const store::Locations& locations, const Reference& reference) {
  auto named = find_by_reference(locations, reference);
  if (named && digest_of(*named) == reference.digest) return named;
  for (const auto& tag : all_tags(locations))
    if ("sha256:" + tag.image == reference.digest && tag.reference.starts_with(reference.name + ":"))
      return read_image(locations, tag.image);
  if (named) wrong_digest(reference, *named);
  return std::nullopt;
}

void require_plain(const Reference& name) {
  if (!name.digest.empty() || name.tag.find('@') != std::string::npos)
    throw Error("an image cannot be given a name with a digest or a date: " + name.text());
}

bool looks_like_id(const std::string& text) {
  return text.size() >= shortest_id && text.size() <= 64 &&
         text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

std::optional<Image> find_by_id(const store::Locations& locations, const std::string& prefix) {
  std::map<std::string, Image> found;
  for (auto& image : all_images(locations, prefix)) {
    std::string id = image.id;
    found.emplace(std::move(id), std::move(image));
  }
  for (auto& base : all_bases(locations))
    if (base.image.id.starts_with(prefix)) found.emplace(base.image.id, std::move(base.image));
  if (found.empty()) return std::nullopt;
  if (found.size() > 1)
    throw Error("image id " + prefix + " is ambiguous: " + std::to_string(found.size()) + " begin so");
  return found.begin()->second;
}

Error no_such_image(const store::Locations& locations, const std::string& name) {
  std::set<std::string> known;
  for (const auto& tag : all_tags(locations)) {
    known.insert(tag.reference);
    const auto colon = tag.reference.rfind(':');
    if (tag.reference.substr(colon) == ":latest") known.insert(tag.reference.substr(0, colon));
  }
  return Error("no such image: " + base::escape_control(name) + base::did_you_mean(name, {known.begin(), known.end()}))
      .with_hint(
          "build it with 'conductor build -t NAME CONTEXT', or name a base such as debian:bookworm; 'conductor "
          "images' lists what there is");
}

Image scratch() {
  Image image;
  image.architecture = native_architecture();
  image.id = base::sha256_hex(oci_config(image, {}));
  return image;
}

// Everything that is called by a name: a tag, or the base of a suite that no tag hides.
std::vector<Listed> named_images(const store::Locations& locations, const std::map<std::string, Image>& images) {
  std::vector<Listed> result;
  std::set<std::string> taken;
  for (const auto& tag : all_tags(locations)) {
    const auto image = images.find(tag.image);
    const auto reference = try_reference(tag.reference);
    if (image == images.end() || !reference) continue;  // the end of a removal that was cut short
    taken.insert(tag.reference);
    result.push_back({*reference, image->second});
  }
  for (auto& base : all_bases(locations))
    if (!taken.contains(base.reference.text())) result.push_back({base.reference, std::move(base.image)});
  return result;
}

std::map<std::string, Image> images_by_id(const store::Locations& locations) {
  std::map<std::string, Image> images;
  for (auto& image : all_images(locations)) {
    std::string id = image.id;
    images.emplace(std::move(id), std::move(image));
  }
  return images;
}

std::vector<Reference> names_of(const store::Locations& locations, const std::string& id) {
  std::vector<Reference> names;
  for (const auto& listed : named_images(locations, images_by_id(locations)))
    if (listed.image.id == id) names.push_back(listed.reference);
  return names;
}

void remove_name(const store::Locations& locations, const Reference& reference) {
  if (remove_tag(locations, reference)) return;
  if (const auto suite = suite_of(reference)) store::remove_file(base_record(locations, *suite));
}

}  // namespace

Images::Images(store::Locations locations) : locations_(std::move(locations)) {}

std::optional<Image> Images::find(const std::string& name) const {
  std::string id = name;
  if (constexpr std::string_view algorithm = "sha256:"; name.starts_with(algorithm)) {
    id = name.substr(algorithm.size());
  } else if (const auto reference = try_reference(name)) {
    if (!reference->digest.empty()) return find_pinned(locations_, *reference);
    if (auto image = find_by_reference(locations_, *reference)) return image;
  }
  return looks_like_id(id) ? find_by_id(locations_, id) : std::nullopt;
}

Image Images::resolve(const std::string& name, const Progress& progress, const linux::Cancellation* cancellation) {
  if (name == "scratch") return scratch();
  if (auto image = find(name)) return *image;
  const Reference reference = parse_reference(name);  // says what is wrong with a name that is none
  const auto suite = suite_of(reference);
  if (!suite) throw no_such_image(locations_, name);
  Image image = bootstrap(*this, locations_, *suite, progress, cancellation);
  if (!reference.digest.empty() && digest_of(image) != reference.digest) wrong_digest(reference, image);
  return image;
}

Image Images::complete(Image image) const {
  image.size = 0;
  std::int64_t newest = 0;
  std::vector<std::string> diff_ids;
  for (const auto& layer : image.layers) {
    const LayerRecord record = complete_layer_record(locations_, layer);
    image.size += record.size;
    newest = std::max(newest, record.created);
    diff_ids.push_back(record.diff_id);
  }
  if (image.created == 0) image.created = newest * 1'000'000'000;
  image.id = base::sha256_hex(oci_config(image, diff_ids));
  return image;
}

Image Images::save(Image image, const std::vector<Reference>& names) {
  for (const auto& name : names) require_plain(name);
  image = complete(std::move(image));
  const store::Lock lock = lock_names(locations_);
  if (auto same = read_image(locations_, image.id))
    image = std::move(*same);  // made again from the cache: still as old as it was
  else
    store::write_record(image_record(locations_, image.id), image);
  for (const auto& name : names) {
    write_tag(locations_, name, image.id);
    monitor::append_event(locations_.events(), "image", "tag", image.id, {{"name", name.text()}});
  }
  return image;
}

void Images::tag(const Image& image, const Reference& name) {
  require_plain(name);
  const store::Lock lock = lock_names(locations_);
  if (!read_image(locations_, image.id)) store::write_record(image_record(locations_, image.id), image);  // a base
  write_tag(locations_, name, image.id);
  monitor::append_event(locations_.events(), "image", "tag", image.id, {{"name", name.text()}});
}

std::vector<Listed> Images::list() const {
  auto images = images_by_id(locations_);
  std::vector<Listed> result = named_images(locations_, images);
  std::sort(result.begin(), result.end(), [](const Listed& a, const Listed& b) { return a.reference < b.reference; });
  for (const auto& listed : result) images.erase(listed.image.id);
  for (auto& [id, image] : images) result.push_back({Reference{}, std::move(image)});
  return result;
}

std::vector<std::string> Images::remove(
    const std::string& name, const std::function<std::optional<std::string>(const std::string& image)>& in_use) {
  const store::Lock lock = lock_names(locations_);
  const auto image = find(name);
  if (!image) throw no_such_image(locations_, name);
  const auto names = names_of(locations_, image->id);
  const auto reference = try_reference(name);
  const bool by_name = reference && std::find(names.begin(), names.end(), *reference) != names.end();
  if (by_name && names.size() > 1) {
    remove_name(locations_, *reference);
    monitor::append_event(locations_.events(), "image", "untag", image->id, {{"name", reference->text()}});
    return {"Untagged: " + reference->text()};
  }
  if (const auto container = in_use(image->id))
    throw Error("image " + name + " is used by container " + *container)
        .with_hint("remove the container first: conductor rm " + *container);
  std::vector<std::string> lines;
  for (const auto& each : names) {
    remove_name(locations_, each);
    monitor::append_event(locations_.events(), "image", "untag", image->id, {{"name", each.text()}});
    lines.push_back("Untagged: " + each.text());
  }
  store::remove_file(image_record(locations_, image->id));
  monitor::append_event(locations_.events(), "image", "delete", image->id, {{"name", name}});
  lines.push_back("Deleted: " + image->id);
  return lines;
}

std::string native_architecture() {
  utsname system{};
  if (uname(&system) != 0) throw Error::from_errno("cannot tell the machine's architecture");
  const std::string machine = system.machine;
  static const std::map<std::string, std::string> oci_names = {
      {"x86_64", "amd64"},    {"aarch64", "arm64"},   {"armv7l", "arm"}, {"i686", "386"},
      {"ppc64le", "ppc64le"}, {"riscv64", "riscv64"}, {"s390x", "s390x"}};
  const auto known = oci_names.find(machine);
  return known != oci_names.end() ? known->second : machine;
}

}  // namespace conductor::image
