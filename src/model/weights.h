// ModelWeights: every tensor of the decoder as a named field, loaded into a backend.
//
// Names differ between Hugging Face and GGUF; shapes are checked against ModelConfig, and a missing
// or misshapen tensor fails with its name, what was found and what was expected.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "backend/backend.h"
#include "base/result.h"
#include "model/config.h"
#include "model/tensor_loader.h"
#include "weights/checkpoint.h"

namespace g4 {

// Norm weights are [hidden] unless said; null where the family has none.
struct LayerWeights {
  const float* attn_norm = nullptr;
  const float* q_norm = nullptr;  // [head_dim]
  const float* k_norm = nullptr;  // [head_dim]
  const float* attn_post_norm = nullptr;
  std::unique_ptr<Weight> q;  // [heads * head_dim, hidden]
  std::unique_ptr<Weight> k;  // [kv_heads * head_dim, hidden]
  std::unique_ptr<Weight> v;  // the same; null: V comes from k
  std::unique_ptr<Weight> o;  // [hidden, heads * head_dim]

  const float* ffn_norm = nullptr;
  std::unique_ptr<Weight> gate, up;  // [ffn, hidden]
  std::unique_ptr<Weight> down;      // [hidden, ffn]
  const float* ffn_post_norm = nullptr;

  // Models with experts only.
  const float* dense_post_norm = nullptr;  // after the dense branch
  const float* moe_norm = nullptr;
  const float* moe_post_norm = nullptr;
  RouterWeights router;
  std::unique_ptr<Weight> expert_gate_up;  // [experts, 2 * expert_ffn, hidden]
  std::unique_ptr<Weight> expert_down;     // [experts, hidden, expert_ffn]

  float scalar = 1;  // multiplies the residual stream at the layer's end
};

struct ModelWeights {
  std::unique_ptr<Weight> embedding;  // [vocab, hidden]; also the head
  std::unique_ptr<Weight> head;       // null: the embedding
  const float* final_norm = nullptr;
  std::vector<LayerWeights> layers;
};

Result<ModelWeights> load_weights(Backend& backend, const Checkpoint& checkpoint,
                                  const ModelConfig& config, const LoadProgress& progress);

// Bytes of tensors that load_weights would read.
Result<std::uint64_t> weight_bytes(const Checkpoint& checkpoint, const ModelConfig& config);

}  // namespace g4
