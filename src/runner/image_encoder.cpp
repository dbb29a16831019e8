#include "runner/image_encoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <utility>

namespace g4 {
namespace {

std::uint64_t bytes_of(const SoftTokens& soft) { return soft.values.size() * sizeof(float); }

std::int64_t patches_max(const VisionConfig& config) {
  return ImageEncoder::kImageTokensMax * config.pooling * config.pooling;
}

}  // namespace

ImageEncoder::ImageEncoder(Backend& backend, VisionConfig config, VisionWeights weights)
    : tower_(backend, config, std::move(weights), patches_max(config)) {}

std::uint64_t ImageEncoder::work_bytes(const VisionConfig& config, std::uint32_t kv_value_bytes) {
  return VisionTower::work_bytes(config, patches_max(config), kv_value_bytes);
}

Result<ImageProgress> ImageEncoder::advance(std::span<const ImageSpan> images, std::int64_t work) {
  if (!begun(images)) G4_TRY(begin(images));
  if (!fresh_.empty() && !tower_.advance(work)) return ImageProgress{};
  return finish();
}

void ImageEncoder::abandon() {
  wanted_.clear();
  fresh_.clear();
  tower_.forget();
}

bool ImageEncoder::begun(std::span<const ImageSpan> images) const {
  const auto same = [](const Wanted& wanted, const ImageSpan& span) {
    return wanted.image == span.image;
  };
  return !wanted_.empty() && wanted_.size() <= images.size() &&
         std::equal(wanted_.begin(), wanted_.end(), images.begin(), same);
}

Status ImageEncoder::begin(std::span<const ImageSpan> images) {
  abandon();
  std::vector<ImagePatchesView> views;
  std::int64_t patches = 0;
  for (const auto& [begin, end, image] : images) {
    patches += std::int64_t{image->columns} * image->rows;
    if (patches > tower_.patches_max()) break;
    wanted_.push_back({image, find(image->key)});
    const auto same = [&](const auto& other) { return other->key == image->key; };
    if (wanted_.back().soft || std::ranges::any_of(fresh_, same)) continue;
    fresh_.push_back(image);
    views.push_back({image->patches, image->columns, image->rows});
    assert(tower_.soft_tokens(views.back()) == std::int64_t{image->soft_tokens});
  }
  if (wanted_.empty())
    return Error{fmt::format("an image has {} patches; at most {} are taken", patches,
                             tower_.patches_max())};
  return views.empty() ? Status{} : tower_.begin(views);
}

ImageProgress ImageEncoder::finish() {
  const float* at = fresh_.empty() ? nullptr : tower_.soft_tokens().data;
  for (const auto& image : fresh_) {
    auto soft = std::make_shared<SoftTokens>();
    soft->tokens = image->soft_tokens;
    const std::int64_t values = soft->tokens * tower_.config().text_hidden;
    soft->values.assign(at, at + values);
    at += values;
    for (Wanted& wanted : wanted_)
      if (wanted.image->key == image->key) wanted.soft = soft;
    keep(image->key, std::move(soft));
  }
  ImageProgress progress;
  progress.encoded = static_cast<std::uint32_t>(fresh_.size());
  for (Wanted& wanted : wanted_) progress.ready.push_back(std::move(wanted.soft));
  abandon();
  return progress;
}

std::shared_ptr<const SoftTokens> ImageEncoder::find(const std::string& key) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  kept_.splice(kept_.begin(), kept_, found->second);
  return found->second->soft;
}

void ImageEncoder::keep(const std::string& key, std::shared_ptr<const SoftTokens> soft) {
  kept_bytes_ += bytes_of(*soft);
  kept_.push_front({key, std::move(soft)});
  by_key_[key] = kept_.begin();
  while (kept_bytes_ > kKeptBytesMax) {
    kept_bytes_ -= bytes_of(*kept_.back().soft);
    by_key_.erase(kept_.back().key);
    kept_.pop_back();
  }
}

}  // namespace g4
