// ModelRunner: engine/runner.h implemented with a decoder on a backend, and the samplers it is
// handed.
//
// Owner: the engine; engine thread only. Memory: everything is allocated by create().
#pragma once

#include <memory>
#include <vector>

#include "backend/backend.h"
#include "engine/runner.h"
#include "model/decoder.h"
#include "runner/image_encoder.h"
#include "runner/memory_plan.h"

namespace g4 {

class ModelRunner final : public Runner {
 public:
  static Result<std::unique_ptr<ModelRunner>> create(std::unique_ptr<Backend> backend,
                                                     const ModelConfig& config,
                                                     ModelWeights weights, const MemoryPlan& plan);
  // Before the first step: the model sees images from then on.
  void add_vision(const VisionConfig& config, VisionWeights weights);

  const RunnerLimits& limits() const override { return limits_; }
  Result<std::vector<StepOutput>> step(std::span<const StepSequence> sequences) override;
  Result<ImageProgress> encode_images(std::span<const ImageSpan> images) override;
  void abandon_images() noexcept override;
  std::string backend_name() const { return backend_->name(); }

 private:
  ModelRunner(std::unique_ptr<Backend> backend, const ModelConfig& config, ModelWeights weights,
              const MemoryPlan& plan);

  // A row of the step whose logits are needed: to score the next prompt token, or to draw one.
  struct LogitRow {
    std::int32_t row;
    std::size_t sequence;
    std::optional<std::size_t> next;  // index into next_tokens; nullopt: draw
  };
  void gather_rows(std::span<const StepSequence> sequences);
  void gather_images(std::span<const StepSequence> sequences);
  void use_logits(std::span<const StepSequence> sequences, std::span<const LogitRow> rows,
                  std::vector<StepOutput>& outputs);

  RunnerLimits limits_;
  std::unique_ptr<Backend> backend_;  // outlives what follows
  std::unique_ptr<KvStore> kv_;
  Decoder decoder_;
  std::unique_ptr<ImageEncoder> images_;  // null: text only
  Mat logits_;                            // kLogitRows rows
  // Of the step in progress; kept to reuse their memory.
  std::vector<std::int32_t> ids_;
  std::vector<BatchSequence> batch_;
  std::vector<LogitRow> rows_;
  std::vector<std::vector<PositionRange>> image_ranges_;  // of each sequence
  std::vector<SoftRows> soft_rows_;
};

}  // namespace g4
