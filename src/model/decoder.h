// Decoder: the forward pass of Gemma 4 (and Gemma 3) text, written once against the coarse
// operations of backend.h. decoder.cpp reads like the paper; gemma4.md 2.2 is the paper.
//
// Threads: one at a time (the backend's). Buffers for rows_max tokens are allocated by create().
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "backend/backend.h"
#include "model/config.h"
#include "model/weights.h"

namespace g4 {

// Sees intermediate results, for goldens: "embedding", "attention", "dense", "moe", "layer",
// "final".
using DecoderTap = std::function<void(std::string_view what, std::size_t layer, Mat values)>;

// Soft tokens of an image: they go into the residual stream as they are, in place of embeddings.
struct SoftRows {
  std::int64_t first_row = 0;
  Mat values;  // [tokens, hidden]
};

struct DecoderInput {
  Batch batch;
  std::span<const std::int32_t> ids;      // one for each row; rows of images hold any id
  std::span<const SoftRows> images = {};  // BatchSequence::images says which rows see each other
};

class Decoder {
 public:
  Decoder(Backend& backend, ModelConfig config, ModelWeights weights, std::int64_t rows_max);

  // Runs the batch's tokens through every layer and writes their K and V. The residual stream stays
  // inside for logits().
  void forward(const DecoderInput& input, KvStore& kv, const DecoderTap& tap = {});

  // out[i] = logits after row rows[i] of the last forward(); rows.size() <= rows_max.
  void logits(Mat out, std::span<const std::int32_t> rows, const DecoderTap& tap = {});

  const ModelConfig& config() const { return config_; }

 private:
  void attention_block(const LayerWeights& w, std::size_t layer, Batch batch, KvStore& kv, Mat r,
                       const DecoderTap& tap);
  void feed_forward_block(const LayerWeights& w, std::size_t layer, Mat r, const DecoderTap& tap);

  Backend& be_;
  ModelConfig config_;
  ModelWeights weights_;
  // Activations, rows_max rows each.
  Mat residual_, h_, branch_, moe_, q_, k_, v_, attn_;
  Mat sliding_rope_, global_rope_;
};

// KV layers of a model, for KvLayout.
std::vector<KvLayer> kv_layers(const ModelConfig& config);

}  // namespace g4
