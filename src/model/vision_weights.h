// VisionWeights: every tensor of the vision tower and its projector as a named field, loaded into a
// backend from a Hugging Face folder (model.vision_tower.*, model.embed_vision.*) or an mmproj GGUF
// (v.*, mm.*). Shapes are checked against VisionConfig as the decoder's are (weights.h).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "backend/backend.h"
#include "base/result.h"
#include "model/tensor_loader.h"
#include "model/vision_config.h"
#include "weights/checkpoint.h"

namespace g4 {

// Norm weights are [hidden] unless said.
struct VisionLayerWeights {
  const float* attn_norm = nullptr;
  const float* q_norm = nullptr;  // [head_dim]
  const float* k_norm = nullptr;  // [head_dim]
  const float* attn_post_norm = nullptr;
  std::unique_ptr<Weight> q, k, v;  // [heads * head_dim, hidden]
  std::unique_ptr<Weight> o;        // [hidden, heads * head_dim]

  const float* ffn_norm = nullptr;
  std::unique_ptr<Weight> gate, up;  // [ffn, hidden]
  std::unique_ptr<Weight> down;      // [hidden, ffn]
  const float* ffn_post_norm = nullptr;
};

struct VisionWeights {
  std::unique_ptr<Weight> patch;      // [hidden, patch_values]: channel fastest
  std::unique_ptr<Weight> positions;  // [2, positions, hidden]: of x, of y
  std::vector<VisionLayerWeights> layers;
  const float* std_bias = nullptr;  // [hidden]; null: not standardised
  const float* std_scale = nullptr;
  std::unique_ptr<Weight> projector;  // [text_hidden, hidden]
};

Result<VisionWeights> load_vision_weights(Backend& backend, const Checkpoint& checkpoint,
                                          const VisionConfig& config, const LoadProgress& progress);

// Bytes of tensors that load_vision_weights would read.
Result<std::uint64_t> vision_weight_bytes(const Checkpoint& checkpoint, const VisionConfig& config);

}  // namespace g4
