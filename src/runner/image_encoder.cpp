#include "runner/image_encoder.h"

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

std::uint64_t ImageEncoder::activation_bytes(const VisionConfig& config) {
  // vision_tower.h's Mats, and what a backend keeps for the FFN's rows.
  const std::int64_t row = 3 * config.hidden + 3 * config.heads * config.head_dim +
                           config.head_dim + config.heads * config.head_dim;
  constexpr std::int64_t kFfnRows = 2048;
  return sizeof(float) *
         static_cast<std::uint64_t>(patches_max(config) * row + kFfnRows * 3 * config.ffn);
}

std::vector<std::shared_ptr<const SoftTokens>> ImageEncoder::encode(
    std::span<const ImageInput* const> images) {
  std::vector<std::shared_ptr<const SoftTokens>> found(images.size());
  std::vector<const ImageInput*> missing;
  for (std::size_t i = 0; i < images.size(); ++i) {
    found[i] = find(images[i]->key);
    const auto same = [&](const ImageInput* other) { return other->key == images[i]->key; };
    if (!found[i] && std::ranges::none_of(missing, same)) missing.push_back(images[i]);
  }
  if (missing.empty()) return found;
  std::vector<std::shared_ptr<const SoftTokens>> fresh(missing.size());
  encode_missing(missing, fresh);
  for (std::size_t i = 0; i < images.size(); ++i)
    for (std::size_t j = 0; j < missing.size(); ++j)
      if (!found[i] && missing[j]->key == images[i]->key) found[i] = fresh[j];
  for (std::size_t j = 0; j < missing.size(); ++j) keep(missing[j]->key, fresh[j]);
  return found;
}

void ImageEncoder::encode_missing(std::span<const ImageInput* const> images,
                                  std::span<std::shared_ptr<const SoftTokens>> found) {
  const std::int64_t hidden = tower_.config().text_hidden;
  std::vector<ImagePatchesView> views;
  std::int64_t tokens = 0;
  for (const ImageInput* image : images) {
    views.push_back({image->patches, image->columns, image->rows});
    assert(tower_.soft_tokens(views.back()) == std::int64_t{image->soft_tokens});
    tokens += tower_.soft_tokens(views.back());
  }
  std::vector<float> all(static_cast<std::size_t>(tokens * hidden));
  tower_.encode({all.data(), tokens, hidden}, views);
  auto at = all.cbegin();
  for (std::size_t i = 0; i < images.size(); ++i) {
    auto soft = std::make_shared<SoftTokens>();
    soft->tokens = tower_.soft_tokens(views[i]);
    const auto end = at + soft->tokens * hidden;
    soft->values.assign(at, end);
    at = end;
    found[i] = std::move(soft);
  }
  encoded_ += images.size();
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
