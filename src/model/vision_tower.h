// VisionTower: patches of images to the soft tokens that stand for them in the decoder's residual
// stream, written once against backend.h. vision_tower.cpp reads like the paper; gemma4.md 3 is the
// paper.
//
// It works in slices, so that whoever drives it can do other things with the backend in between:
// begin() some images, advance() until it says that they are done, read soft_tokens(). How the work
// was sliced changes no bit; nor does company: images that are encoded together never see each
// other.
// Within a layer every row needs the keys of its whole image, so a layer goes over all rows twice,
// some rows at a time: their keys and values first, then all the rest. The second pass makes the
// queries from the residual stream, which it has not changed yet for the rows that it comes to.
//
// Threads: one at a time (the backend's). Memory: buffers for patches_max patches are allocated at
// construction, keys and values from begin() to the end.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

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
  static constexpr std::int64_t kRowsAtOnce = 1024;  // most rows of one pass of operations
  // Work that finishes anything.
  static constexpr std::int64_t kAllWork = std::int64_t{1} << 62;

  // patches_max: of images that are encoded together; 9 patches make a soft token.
  VisionTower(Backend& backend, VisionConfig config, VisionWeights weights,
              std::int64_t patches_max);

  // The images must fit together; their values must stay until the first advance() has returned.
  // What was begun before is forgotten.
  Status begin(std::span<const ImagePatchesView> images, VisionTap tap = {});
  // One slice: about `work` multiply-adds, but at least a few rows of one operation. True: done.
  bool advance(std::int64_t work);
  // When done, until the next begin(): of one image after the other, each row by row of the image
  // [sum of soft_tokens(image), text_hidden].
  Mat soft_tokens() const;
  // What was begun is not wanted any more.
  void forget();

  std::int64_t soft_tokens(const ImagePatchesView& image) const {
    return image.columns * image.rows / (config_.pooling * config_.pooling);
  }
  std::int64_t patches_max() const { return residual_.rows; }
  const VisionConfig& config() const { return config_; }

  // Bytes that a tower takes beside its weights.
  static std::uint64_t work_bytes(const VisionConfig& config, std::int64_t patches_max,
                                  std::uint32_t kv_value_bytes);

 private:
  // What comes next: rows from row_ on of layer_, for the two passes over a layer.
  enum class Stage : std::uint8_t { kEmbed, kKeys, kRest, kPool, kDone };
  struct Rows {
    std::int64_t first, count;
  };

  std::int64_t advance_stage(std::int64_t work);  // returns the work done
  void next_stage();
  Rows next_rows(std::int64_t work, std::int64_t row_work) const;

  void embed();
  void store_keys(const VisionLayerWeights& w, Rows rows);
  void attention_block(const VisionLayerWeights& w, Rows rows);
  void feed_forward_block(const VisionLayerWeights& w, Rows rows);
  void pool();

  Backend& be_;
  VisionConfig config_;
  VisionWeights weights_;
  std::vector<float> inv_freq_;
  Mat residual_, rope_;         // patches_max rows
  Mat h_, branch_, q_, k_, v_;  // kRowsAtOnce rows
  Mat pooled_, soft_;           // a row for each soft token
  // Of the images that are encoded together.
  std::vector<std::span<const float>> values_;
  std::vector<PatchGrid> grids_;
  std::unique_ptr<ImageKv> kv_;
  VisionTap tap_;
  std::int64_t rows_ = 0, tokens_ = 0;
  std::int64_t largest_ = 0;  // patches of the largest image
  Stage stage_ = Stage::kDone;
  std::int64_t layer_ = 0, row_ = 0;
};

}  // namespace g4
