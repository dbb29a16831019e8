#include "model/vision_tower.h"

#include <cassert>
#include <cmath>

namespace g4 {

VisionTower::VisionTower(Backend& backend, VisionConfig config, VisionWeights weights,
                         std::int64_t patches_max)
    : be_(backend),
      config_(std::move(config)),
      weights_(std::move(weights)),
      inv_freq_(config_.inv_freq()) {
  for (Mat* mat : {&residual_, &h_, &branch_}) *mat = be_.allocate(patches_max, config_.hidden);
  for (Mat* mat : {&q_, &k_, &v_})
    *mat = be_.allocate(patches_max, config_.heads * config_.head_dim);
  rope_ = be_.allocate(patches_max, config_.head_dim);
  pooled_ = be_.allocate(patches_max / (config_.pooling * config_.pooling), config_.hidden);
}

void VisionTower::encode(Mat out, std::span<const ImagePatchesView> images, const VisionTap& tap) {
  std::int64_t first_token = 0;
  while (!images.empty()) {
    std::size_t count = 0;
    std::int64_t patches = 0, tokens = 0;
    for (; count < images.size(); ++count) {
      const std::int64_t size = images[count].columns * images[count].rows;
      assert(size > 0 && size <= residual_.rows);
      if (patches + size > residual_.rows) break;
      patches += size;
      tokens += soft_tokens(images[count]);
    }
    assert(first_token + tokens <= out.rows);
    encode_together({out.row(first_token), tokens, out.cols}, images.first(count), tap);
    images = images.subspan(count);
    first_token += tokens;
  }
  assert(first_token == out.rows);
}

void VisionTower::encode_together(Mat out, std::span<const ImagePatchesView> images,
                                  const VisionTap& tap) {
  grids_.clear();
  std::int64_t rows = 0;
  for (const ImagePatchesView& image : images) {
    const PatchGrid grid{rows, image.columns, image.rows};
    be_.embed_patches({residual_.row(rows), grid.size(), config_.hidden}, image.values, grid,
                      *weights_.patch, *weights_.positions);
    grids_.push_back(grid);
    rows += grid.size();
  }
  const Mat r = residual_.top(rows);
  if (tap) tap("patches", 0, r);
  be_.rope_table_2d(rope_.top(rows), grids_, inv_freq_);

  for (std::int64_t layer = 0; layer < config_.layers; ++layer) {
    const VisionLayerWeights& w = weights_.layers[static_cast<std::size_t>(layer)];
    attention_block(w, grids_, r);
    feed_forward_block(w, r);
    if (tap) tap("layer", layer, r);
  }

  const Mat pooled = pooled_.top(out.rows);
  const float root = std::sqrt(static_cast<float>(config_.hidden));
  be_.pool_patches(pooled, r, grids_,
                   {config_.pooling, root, weights_.std_bias, weights_.std_scale});
  if (tap) tap("standardised", 0, pooled);
  be_.rms_norm(pooled, pooled, nullptr, config_.eps);
  const Projection soft[] = {{weights_.projector.get(), out}};
  be_.project(pooled, soft);
}

// r += norm(o(attention(q, k, v))), every patch seeing all of its image
void VisionTower::attention_block(const VisionLayerWeights& w, Images images, Mat r) {
  const std::int64_t dim = config_.head_dim;
  const Mat h = h_.top(r.rows), branch = branch_.top(r.rows), rope = rope_.top(r.rows);
  const Mat q = q_.top(r.rows), k = k_.top(r.rows), v = v_.top(r.rows);
  const Mat no_rope{};

  be_.rms_norm(h, r, w.attn_norm, config_.eps);
  const Projection qkv[] = {{w.q.get(), q}, {w.k.get(), k}, {w.v.get(), v}};
  be_.project(h, qkv);
  be_.head_norm_rope_2d(q, dim, w.q_norm, config_.eps, rope);
  be_.head_norm_rope_2d(k, dim, w.k_norm, config_.eps, rope);
  be_.head_norm_rope(v, dim, nullptr, config_.eps, no_rope);
  be_.image_attention(q, q, k, v, dim, images, 1.0F);
  const Projection out[] = {{w.o.get(), branch}};
  be_.project(q, out);
  be_.add_rms_norm(r, branch, w.attn_post_norm, config_.eps);
}

// r += norm(ffn(norm(r)))
void VisionTower::feed_forward_block(const VisionLayerWeights& w, Mat r) {
  const Mat h = h_.top(r.rows), branch = branch_.top(r.rows);
  be_.rms_norm(h, r, w.ffn_norm, config_.eps);
  be_.ffn(branch, h, *w.gate, *w.up, *w.down);
  be_.add_rms_norm(r, branch, w.ffn_post_norm, config_.eps);
}

}  // namespace g4
