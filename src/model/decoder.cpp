#include "model/decoder.h"

#include <algorithm>
#include <cassert>

namespace g4 {
namespace {

std::int64_t widest(const ModelConfig& config, std::int64_t (*width)(const LayerConfig&)) {
  std::int64_t most = 0;
  for (const LayerConfig& layer : config.layers) most = std::max(most, width(layer));
  return most;
}

Mat view(Mat mat, std::int64_t rows, std::int64_t cols) { return {mat.data, rows, cols}; }

}  // namespace

std::vector<KvLayer> kv_layers(const ModelConfig& config) {
  std::vector<KvLayer> layers;
  for (const LayerConfig& layer : config.layers)
    layers.push_back({layer.sliding, layer.kv_heads, layer.head_dim});
  return layers;
}

Decoder::Decoder(Backend& backend, ModelConfig config, ModelWeights weights, std::int64_t rows_max)
    : be_(backend), config_(std::move(config)), weights_(std::move(weights)) {
  const std::int64_t head_dim = widest(config_, [](const LayerConfig& l) { return l.head_dim; });
  const std::int64_t kv_width =
      widest(config_, [](const LayerConfig& l) { return l.kv_heads * l.head_dim; });
  for (Mat* mat : {&residual_, &h_, &branch_}) *mat = be_.allocate(rows_max, config_.hidden);
  if (config_.experts > 0) moe_ = be_.allocate(rows_max, config_.hidden);
  for (Mat* mat : {&q_, &attn_}) *mat = be_.allocate(rows_max, config_.heads * head_dim);
  for (Mat* mat : {&k_, &v_}) *mat = be_.allocate(rows_max, kv_width);
  sliding_rope_ =
      be_.allocate(rows_max, 2 * static_cast<std::int64_t>(config_.sliding_inv_freq.size()));
  global_rope_ =
      be_.allocate(rows_max, 2 * static_cast<std::int64_t>(config_.global_inv_freq.size()));
}

void Decoder::forward(const DecoderInput& input, KvStore& kv, const DecoderTap& tap) {
  const Batch batch = input.batch;
  const auto rows = static_cast<std::int64_t>(input.ids.size());
  assert(rows > 0 && rows <= residual_.rows);
  const Mat r = residual_.top(rows);
  be_.embed(r, *weights_.embedding, input.ids, config_.embedding_scale);
  for (const SoftRows& image : input.images)
    be_.copy({r.row(image.first_row), image.values.rows, r.cols}, image.values);
  if (tap) tap("embedding", 0, r);
  be_.rope_table(sliding_rope_.top(rows), batch, config_.sliding_inv_freq);
  be_.rope_table(global_rope_.top(rows), batch, config_.global_inv_freq);

  for (std::size_t layer = 0; layer < config_.layers.size(); ++layer) {
    const LayerWeights& w = weights_.layers[layer];
    attention_block(w, layer, batch, kv, r, tap);
    feed_forward_block(w, layer, r, tap);
    if (config_.family == Family::kGemma4) be_.scale(r, w.scalar);
    if (tap) tap("layer", layer, r);
  }
}

// r += norm(o(attention(q, k, v)))
void Decoder::attention_block(const LayerWeights& w, std::size_t layer, Batch batch, KvStore& kv,
                              Mat r, const DecoderTap& tap) {
  const LayerConfig& shape = config_.layers[layer];
  const std::int64_t dim = shape.head_dim, kv_width = shape.kv_heads * dim;
  const Mat h = h_.top(r.rows), branch = branch_.top(r.rows);
  const Mat q = view(q_, r.rows, config_.heads * dim), attn = view(attn_, r.rows, q.cols);
  const Mat k = view(k_, r.rows, kv_width), v = view(v_, r.rows, kv_width);
  const Mat rope = (shape.sliding ? sliding_rope_ : global_rope_).top(r.rows);
  const Mat no_rope{};

  be_.rms_norm(h, r, w.attn_norm, config_.eps);
  const Projection qkv[] = {{w.q.get(), q}, {w.k.get(), k}, {w.v.get(), v}};
  be_.project(h, std::span(qkv, shape.k_eq_v ? 2U : 3U));
  if (shape.k_eq_v) be_.copy(v, k);  // V is K's projection before norm and rotation
  be_.head_norm_rope(q, dim, w.q_norm, config_.eps, rope);
  be_.head_norm_rope(k, dim, w.k_norm, config_.eps, rope);
  if (config_.family == Family::kGemma4)  // V is normed without a weight and never rotated
    be_.head_norm_rope(v, dim, nullptr, config_.eps, no_rope);

  const auto index = static_cast<std::int64_t>(layer);
  be_.store_kv(kv, index, batch, k, v);
  be_.attention(attn, q, kv, index, batch, config_.attention_scale);
  const Projection out[] = {{w.o.get(), branch}};
  be_.project(attn, out);
  if (tap) tap("attention", layer, branch);
  be_.add_rms_norm(r, branch, w.attn_post_norm, config_.eps);
}

// Dense models: r += norm(ffn(norm(r))). With experts a dense and an expert branch start from the
// same r, each with norms of its own, and join before the last norm.
void Decoder::feed_forward_block(const LayerWeights& w, std::size_t layer, Mat r,
                                 const DecoderTap& tap) {
  const Mat h = h_.top(r.rows), branch = branch_.top(r.rows);
  be_.rms_norm(h, r, w.ffn_norm, config_.eps);
  be_.ffn(branch, h, *w.gate, *w.up, *w.down);
  if (tap) tap("dense", layer, branch);

  if (config_.experts > 0) {
    const Mat moe = moe_.top(r.rows);
    be_.rms_norm(branch, branch, w.dense_post_norm, config_.eps);
    const Routing routing = be_.route(r, w.router, config_.eps);  // reads the un-normed stream
    be_.rms_norm(h, r, w.moe_norm, config_.eps);
    be_.moe_ffn(moe, h, routing, *w.expert_gate_up, *w.expert_down);
    if (tap) tap("moe", layer, moe);
    be_.rms_norm(moe, moe, w.moe_post_norm, config_.eps);
    be_.add(branch, moe);
  }
  be_.add_rms_norm(r, branch, w.ffn_post_norm, config_.eps);
}

void Decoder::logits(Mat out, std::span<const std::int32_t> rows, const DecoderTap& tap) {
  const auto n = static_cast<std::int64_t>(rows.size());
  assert(out.rows == n && out.cols == config_.vocab && n <= h_.rows);
  const Mat h = h_.top(n);
  be_.gather(h, residual_, rows);
  be_.rms_norm(h, h, weights_.final_norm, config_.eps);
  if (tap) tap("final", 0, h);
  be_.logits(out, h, weights_.head ? *weights_.head : *weights_.embedding, config_.softcap);
}

}  // namespace g4
