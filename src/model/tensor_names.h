// The names of the decoder's tensors in Hugging Face folders and in GGUF files
// (gemma4.md 8.1, 8.2).
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "model/config.h"
#include "weights/checkpoint.h"

namespace g4 {

enum class TensorRole : std::uint8_t {
  kEmbedding,
  kHead,
  kFinalNorm,
  kAttnNorm,
  kQNorm,
  kKNorm,
  kAttnPostNorm,
  kQ,
  kK,
  kV,
  kO,
  kFfnNorm,
  kGate,
  kUp,
  kDown,
  kFfnPostNorm,
  kDensePostNorm,
  kMoeNorm,
  kMoePostNorm,
  kRouterScale,
  kRouterProj,
  kPerExpertScale,
  kExpertGateUp,
  kExpertGate,
  kExpertUp,
  kExpertDown,
  kLayerScalar,
};

class TensorNames {
 public:
  // Finds the prefix this checkpoint uses ("model.language_model.", "language_model.model.",
  // "model.").
  static Result<TensorNames> create(const Checkpoint& checkpoint, const ModelConfig& config);
  std::string operator()(TensorRole role, std::size_t layer = 0) const;

 private:
  bool gguf_ = false;
  Family family_ = Family::kGemma4;
  std::string prefix_;
};

}  // namespace g4
