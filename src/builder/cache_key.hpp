// The keys of the build cache: 64 hex digits that are equal only when a step would do the same to the same files. Pure.
#pragma once

#include "builder/selection.hpp"
#include "builder/steps.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace conductor::builder {

// What a step stands on: the base image, then every layer added to it. A layer's id belongs to that layer alone, so a
// step's result is never laid on other layers than those it was made on.
// Layers have their times clamped to `newest` (SOURCE_DATE_EPOCH), so it is part of what a step makes.
std::string chain_of_image(const std::string& image_id, std::optional<std::int64_t> newest = std::nullopt);
std::string chain_with_layer(const std::string& chain, const std::string& layer);

// `mounted`: for each of the step's mounts in order, what is in it: key_of_files() of what it shows of a directory, the
// chain of a stage or an image; empty for tmpfs, cache, secret and ssh, whose contents are in no key.
std::string key_of(const RunStep& step, const std::string& chain, const std::vector<std::string>& mounted = {});
// Files by content, as they are seen where they lie: path, type, mode, owner, link target, content hash.
std::string key_of_files(const std::vector<Selected>& selected);
std::string key_of(const WorkdirStep& step, const std::string& chain);
// By the content of the files: path, type, mode, owner as stored, link target, content hash; not their times.
// `selected` has one list per source of the step that is a pattern, `remote` the content of each that is a URL. The key
// of a step with `link` has no chain: pass an empty one.
std::string key_of(const CopyStep& step, const std::string& chain, const std::vector<std::vector<Selected>>& selected,
                   const std::vector<std::string>& remote = {});
// Whether what is copied keeps the owner it has: files of a stage or an image without --chown. Else it is root's.
bool keeps_owner(const CopyStep& step);
// By where the files come from, without looking at them: a stage's or an image's chain.
std::string key_of(const CopyStep& step, const std::string& chain, const std::string& source_chain);

}  // namespace conductor::builder
