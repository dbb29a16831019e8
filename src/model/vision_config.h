// VisionConfig: the shape of one vision tower, read from config.json ("vision_config") or from the
// metadata of an mmproj GGUF file (clip.* keys).
//
// The tower of Gemma 4 26B-A4B and 31B only. Refused with a sentence: clipped linears (E2B/E4B),
// the encoder-free 12B, other projectors. Every number is range-checked here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "weights/checkpoint.h"

namespace g4 {

struct VisionConfig {
  std::int64_t hidden = 0;
  std::int64_t ffn = 0;
  std::int64_t layers = 0;
  std::int64_t heads = 0;  // of queries, keys and values alike
  std::int64_t head_dim = 0;
  std::int64_t patch = 0;        // pixels on a side of a patch
  std::int64_t pooling = 0;      // patches on a side of a soft token
  std::int64_t positions = 0;    // entries of the position table, on each axis
  std::int64_t text_hidden = 0;  // width of a soft token: the decoder's hidden size
  bool standardize = false;
  float eps = 1e-6F;
  float rope_theta = 100;

  std::int64_t patch_values() const { return 3 * patch * patch; }
  // 1/frequency of each rotated pair of an axis: head_dim/4 values.
  std::vector<float> inv_freq() const;
  std::string description() const;  // "vision tower, 27 layers, hidden 1152, 16 heads"
};

// nullopt: the checkpoint says that it holds no vision tower (a text model, a GGUF of the decoder).
Result<std::optional<VisionConfig>> read_vision_config(const Checkpoint& checkpoint);

// Checks every size against its limits; `where` names the file for the sentence.
Status check_vision_config(const VisionConfig& config, const std::string& where);

}  // namespace g4
