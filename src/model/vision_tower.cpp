#include "model/vision_tower.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <utility>

namespace g4 {

VisionTower::VisionTower(Backend& backend, VisionConfig config, VisionWeights weights,
                         std::int64_t patches_max)
    : be_(backend),
      config_(std::move(config)),
      weights_(std::move(weights)),
      inv_freq_(config_.inv_freq()) {
  const std::int64_t at_once = std::min(kRowsAtOnce, patches_max);
  const std::int64_t tokens = patches_max / (config_.pooling * config_.pooling);
  residual_ = be_.allocate(patches_max, config_.hidden);
  rope_ = be_.allocate(patches_max, config_.head_dim);
  for (Mat* mat : {&h_, &branch_}) *mat = be_.allocate(at_once, config_.hidden);
  for (Mat* mat : {&q_, &k_, &v_}) *mat = be_.allocate(at_once, config_.heads * config_.head_dim);
  pooled_ = be_.allocate(tokens, config_.hidden);
  soft_ = be_.allocate(tokens, config_.text_hidden);
}

std::uint64_t VisionTower::work_bytes(const VisionConfig& config, std::int64_t patches_max,
                                      std::uint32_t kv_value_bytes) {
  // The Mats above, and what a backend keeps for the widest operation: pixels, or the FFN's rows.
  const std::int64_t heads = config.heads * config.head_dim;
  const std::int64_t tokens = patches_max / (config.pooling * config.pooling);
  const std::int64_t floats =
      patches_max * (config.hidden + config.head_dim + config.patch_values()) +
      std::min(kRowsAtOnce, patches_max) * (2 * config.hidden + 3 * heads + 3 * config.ffn) +
      tokens * (config.hidden + config.text_hidden);
  // A head's values may be padded to 16.
  const std::int64_t kv = patches_max * config.heads * 2 * (config.head_dim + 8);
  return static_cast<std::uint64_t>(floats) * sizeof(float) +
         static_cast<std::uint64_t>(kv) * kv_value_bytes;
}

Status VisionTower::begin(std::span<const ImagePatchesView> images, VisionTap tap) {
  assert(!images.empty());
  forget();
  rows_ = tokens_ = largest_ = 0;
  for (const ImagePatchesView& image : images) {
    const PatchGrid grid{rows_, image.columns, image.rows};
    assert(grid.size() > 0);
    values_.push_back(image.values);
    grids_.push_back(grid);
    rows_ += grid.size();
    tokens_ += soft_tokens(image);
    largest_ = std::max(largest_, grid.size());
  }
  assert(rows_ <= patches_max());
  kv_ = G4_TRY(be_.make_image_kv(grids_, config_.heads, config_.head_dim));
  tap_ = std::move(tap);
  stage_ = Stage::kEmbed;
  layer_ = row_ = 0;
  return {};
}

void VisionTower::forget() {
  values_.clear();
  grids_.clear();
  kv_.reset();
  tap_ = {};
  stage_ = Stage::kDone;
}

bool VisionTower::advance(std::int64_t work) {
  assert(stage_ != Stage::kDone);
  do work -= advance_stage(work);
  while (work > 0 && stage_ != Stage::kDone);
  return stage_ == Stage::kDone;
}

Mat VisionTower::soft_tokens() const {
  assert(stage_ == Stage::kDone);
  return soft_.top(tokens_);
}

VisionTower::Rows VisionTower::next_rows(std::int64_t work, std::int64_t row_work) const {
  // Fewer would hardly use the weights that they bring into the cache.
  constexpr std::int64_t kRowsLeast = 64;
  return {row_, std::min({std::max(work / row_work, kRowsLeast), h_.rows, rows_ - row_})};
}

std::int64_t VisionTower::advance_stage(std::int64_t work) {
  const std::int64_t hidden = config_.hidden, heads = config_.heads * config_.head_dim;
  // A product of floats takes as long as three of narrower values (measured, avx512): attention's
  // with its softmax, and those of the patches, whose weights most files hold as floats.
  constexpr std::int64_t kFloatCost = 3;
  Rows rows{0, rows_};
  std::int64_t row_work = 0;
  switch (stage_) {
    case Stage::kEmbed:
      row_work = kFloatCost * hidden * config_.patch_values();
      embed();
      break;
    case Stage::kKeys:
      row_work = 2 * hidden * heads;
      rows = next_rows(work, row_work);
      store_keys(weights_.layers[static_cast<std::size_t>(layer_)], rows);
      break;
    case Stage::kRest:
      row_work = 2 * hidden * heads + 3 * hidden * config_.ffn + kFloatCost * 2 * largest_ * heads;
      rows = next_rows(work, row_work);
      attention_block(weights_.layers[static_cast<std::size_t>(layer_)], rows);
      feed_forward_block(weights_.layers[static_cast<std::size_t>(layer_)], rows);
      break;
    case Stage::kPool:
      rows.count = tokens_;
      row_work = hidden * config_.text_hidden;
      pool();
      break;
    case Stage::kDone:
      break;
  }
  row_ = rows.first + rows.count;
  if (row_ == rows_ || stage_ == Stage::kPool) next_stage();
  return rows.count * row_work;
}

void VisionTower::next_stage() {
  row_ = 0;
  switch (stage_) {
    case Stage::kEmbed:
      stage_ = Stage::kKeys;
      break;
    case Stage::kKeys:
      stage_ = Stage::kRest;
      break;
    case Stage::kRest:
      if (tap_) tap_("layer", layer_, residual_.top(rows_));
      stage_ = ++layer_ < config_.layers ? Stage::kKeys : Stage::kPool;
      break;
    case Stage::kPool:
    case Stage::kDone:
      kv_.reset();
      stage_ = Stage::kDone;
      break;
  }
}

void VisionTower::embed() {
  for (std::size_t i = 0; i < grids_.size(); ++i)
    be_.embed_patches(residual_.part(grids_[i].first_row, grids_[i].size()), values_[i], grids_[i],
                      *weights_.patch, *weights_.positions);
  values_.clear();
  if (tap_) tap_("patches", 0, residual_.top(rows_));
  be_.rope_table_2d(rope_.top(rows_), grids_, inv_freq_);
}

// k = rope(norm(k(norm(r)))), v = norm(v(norm(r)))
void VisionTower::store_keys(const VisionLayerWeights& w, Rows rows) {
  const std::int64_t dim = config_.head_dim;
  const Mat h = h_.top(rows.count), k = k_.top(rows.count), v = v_.top(rows.count);
  const Mat no_rope{};

  be_.rms_norm(h, residual_.part(rows.first, rows.count), w.attn_norm, config_.eps);
  const Projection kv[] = {{w.k.get(), k}, {w.v.get(), v}};
  be_.project(h, kv);
  be_.head_norm_rope_2d(k, dim, w.k_norm, config_.eps, rope_.part(rows.first, rows.count));
  be_.head_norm_rope(v, dim, nullptr, config_.eps, no_rope);
  be_.store_image_kv(*kv_, rows.first, k, v);
}

// r += norm(o(attention(rope(norm(q(norm(r)))), k, v))), every patch seeing all of its image
void VisionTower::attention_block(const VisionLayerWeights& w, Rows rows) {
  const Mat r = residual_.part(rows.first, rows.count);
  const Mat h = h_.top(r.rows), branch = branch_.top(r.rows), q = q_.top(r.rows);

  be_.rms_norm(h, r, w.attn_norm, config_.eps);
  const Projection query[] = {{w.q.get(), q}};
  be_.project(h, query);
  be_.head_norm_rope_2d(q, config_.head_dim, w.q_norm, config_.eps,
                        rope_.part(rows.first, rows.count));
  be_.image_attention(q, q, *kv_, rows.first, 1.0F);
  const Projection out[] = {{w.o.get(), branch}};
  be_.project(q, out);
  be_.add_rms_norm(r, branch, w.attn_post_norm, config_.eps);
}

// r += norm(ffn(norm(r)))
void VisionTower::feed_forward_block(const VisionLayerWeights& w, Rows rows) {
  const Mat r = residual_.part(rows.first, rows.count);
  const Mat h = h_.top(r.rows), branch = branch_.top(r.rows);
  be_.rms_norm(h, r, w.ffn_norm, config_.eps);
  be_.ffn(branch, h, *w.gate, *w.up, *w.down);
  be_.add_rms_norm(r, branch, w.ffn_post_norm, config_.eps);
}

void VisionTower::pool() {
  const Mat pooled = pooled_.top(tokens_);
  const float root = std::sqrt(static_cast<float>(config_.hidden));
  be_.pool_patches(pooled, residual_.top(rows_), grids_,
                   {config_.pooling, root, weights_.std_bias, weights_.std_scale});
  if (tap_) tap_("standardised", 0, pooled);
  be_.rms_norm(pooled, pooled, nullptr, config_.eps);
  const Projection soft[] = {{weights_.projector.get(), soft_.top(tokens_)}};
  be_.project(pooled, soft);
}

}  // namespace g4
