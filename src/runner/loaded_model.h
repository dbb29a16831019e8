// From a path to a model that is ready to run: checkpoint, config, tokenizer, weights, KV.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "engine/runner.h"
#include "model/config.h"
#include "model/vision_config.h"
#include "model/weights.h"
#include "runner/memory_plan.h"
#include "text/tokenizer.h"
#include "weights/checkpoint.h"

namespace g4 {

struct LoadOptions {
  std::string backend = "cpu";  // "cpu" or "reference"
  int threads = 0;              // 0: one per core
  std::string mmproj;           // GGUF of a vision tower; empty: the model's own, if it has one
  MemoryRequest memory;         // kv_value_bytes is set by the backend chosen
  LoadProgress progress;
};

// What can be known without reading weights: for `gemma4 info`, and the first half of loading.
struct ModelSummary {
  Checkpoint checkpoint;
  std::optional<Checkpoint> mmproj;
  ModelConfig config;
  std::optional<VisionConfig> vision;
  MemoryPlan memory;

  const Checkpoint& vision_source() const { return mmproj ? *mmproj : checkpoint; }
};
Result<ModelSummary> inspect_model(const std::string& path, const LoadOptions& options);

struct LoadedModel {
  std::string path;
  ModelConfig config;
  std::optional<VisionConfig> vision;  // it sees images
  MemoryPlan memory;
  GenerationDefaults defaults;
  std::unique_ptr<Tokenizer> tokenizer;
  std::string backend_name;
  std::unique_ptr<Runner> runner;  // to be handed to an Engine
};
Result<LoadedModel> load_model(const std::string& path, const LoadOptions& options);

}  // namespace g4
