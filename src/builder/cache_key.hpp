// The keys of the build cache: 64 hex digits that are equal only when a step would do the same to the same files. Pure.
#pragma once

#include "builder/selection.hpp"
#include "builder/steps.hpp"

#include <string>
#include <vector>

namespace conductor::builder {

// What a step stands on: the base image, then every layer added to it. A layer's id belongs to that layer alone, so a
// step's result is never laid on other layers than those it was made on.
std::string chain_of_image(const std::string& image_id);
std::string chain_with_layer(const std::string& chain, const std::string& layer);

std::string key_of(const RunStep& step, const std::string& chain);
std::string key_of(const WorkdirStep& step, const std::string& chain);
// By the content of the files: path, type, mode, owner as stored, link target, content hash; not their times.
// `selected` has one list per source of the step.
std::string key_of(const CopyStep& step, const std::string& chain, const std::vector<std::vector<Selected>>& selected);
// By where the files come from, without looking at them: a stage's or an image's chain.
std::string key_of(const CopyStep& step, const std::string& chain, const std::string& source_chain);

}  // namespace conductor::builder
