// VisionTower: patches of images to the soft tokens that stand for them in the decoder's residual
// stream, written once against backend.h. vision_tower.cpp reads like the paper; gemma4.md 3 is the
// paper.
//
// Threads: one at a time (the backend's). Buffers for patches_max patches are allocated at
// construction; images that fit into them together are encoded together, and none sees another: its
// soft tokens are the same bits alone and in company.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "backend/backend.h"
#include "model/vision_config.h"
#include "model/vision_weights.h"

namespace g4 {

// Patches row by row of the image, each [row in patch, column in patch, R G B], values 0 to 1.
// columns and rows are multiples of the pooling kernel and at most `positions` of the config.
struct ImagePatchesView {
  std::span<const float> values;
  std::int64_t columns = 0;
  std::int64_t rows = 0;
};

// Sees intermediate results, for goldens: "patches" (embedded), "layer", "standardised".
using VisionTap = std::function<void(std::string_view what, std::int64_t layer, Mat values)>;

class VisionTower {
 public:
  // patches_max: of one image at least; 9 patches make a soft token.
  VisionTower(Backend& backend, VisionConfig config, VisionWeights weights,
              std::int64_t patches_max);

  // Soft tokens of one image after the other, each row by row of the image, into `out`
  // [sum of soft_tokens(image), text_hidden].
  void encode(Mat out, std::span<const ImagePatchesView> images, const VisionTap& tap = {});

  std::int64_t soft_tokens(const ImagePatchesView& image) const {
    return image.columns * image.rows / (config_.pooling * config_.pooling);
  }
  const VisionConfig& config() const { return config_; }

 private:
  void encode_together(Mat out, std::span<const ImagePatchesView> images, const VisionTap& tap);
  void attention_block(const VisionLayerWeights& w, Images images, Mat r);
  void feed_forward_block(const VisionLayerWeights& w, Mat r);

  Backend& be_;
  VisionConfig config_;
  VisionWeights weights_;
  std::vector<float> inv_freq_;
  std::vector<PatchGrid> grids_;  // of the images that are encoded together
  Mat residual_, h_, branch_, q_, k_, v_, rope_, pooled_;  // patches_max rows each; pooled_: less
};

}  // namespace g4
