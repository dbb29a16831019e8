#include "runner/model_runner.h"

#include <cassert>

#include "engine/draw.h"

namespace g4 {

Result<std::unique_ptr<ModelRunner>> ModelRunner::create(std::unique_ptr<Backend> backend,
                                                         const ModelConfig& config,
                                                         ModelWeights weights,
                                                         const MemoryPlan& plan) {
  std::unique_ptr<ModelRunner> runner(
      new ModelRunner(std::move(backend), config, std::move(weights), plan));
  KvLayout layout;
  layout.layers = kv_layers(config);
  layout.window = config.window;
  layout.block_tokens = plan.kv.block_tokens;
  layout.global_blocks = plan.kv.global_blocks;
  layout.sliding_blocks = plan.kv.sliding_blocks;
  layout.sliding_ring_blocks = plan.kv.sliding_ring_blocks;
  runner->kv_ = G4_TRY(runner->backend_->make_kv(layout));
  return runner;
}

ModelRunner::ModelRunner(std::unique_ptr<Backend> backend, const ModelConfig& config,
                         ModelWeights weights, const MemoryPlan& plan)
    : backend_(std::move(backend)),
      decoder_(*backend_, config, std::move(weights), plan.step_rows_max()) {
  limits_.context_tokens_max = plan.context_tokens;
  limits_.step_tokens_max = MemoryPlan::kStepTokens;
  limits_.chunk_tokens_max = MemoryPlan::kStepTokens;
  limits_.image_tokens_max = plan.image_tokens_max;
  limits_.step_sequences_max = plan.parallel;
  limits_.vocab_size = static_cast<std::size_t>(config.vocab);
  limits_.kv = plan.kv;
  logits_ = backend_->allocate(MemoryPlan::kLogitRows, config.vocab);
}

void ModelRunner::add_vision(const VisionConfig& config, VisionWeights weights) {
  images_ = std::make_unique<ImageEncoder>(*backend_, config, std::move(weights));
}

Result<std::vector<StepOutput>> ModelRunner::step(std::span<const StepSequence> sequences) {
  gather_rows(sequences);
  gather_images(sequences);
  assert(!ids_.empty() && ids_.size() <= limits_.step_tokens_max + limits_.image_tokens_max);
  decoder_.forward({batch_, ids_, soft_rows_}, *kv_);

  std::vector<StepOutput> outputs(sequences.size());
  const std::span<const LogitRow> rows = rows_;
  for (std::size_t at = 0; at < rows.size(); at += MemoryPlan::kLogitRows)
    use_logits(sequences,
               rows.subspan(at, std::min<std::size_t>(MemoryPlan::kLogitRows, rows.size() - at)),
               outputs);
  return outputs;
}

void ModelRunner::gather_rows(std::span<const StepSequence> sequences) {
  ids_.clear();
  batch_.clear();
  rows_.clear();
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    const StepSequence& sequence = sequences[i];
    const auto first = static_cast<std::int32_t>(ids_.size());
    const auto n = static_cast<std::int32_t>(sequence.tokens.size());
    ids_.insert(ids_.end(), sequence.tokens.begin(), sequence.tokens.end());
    batch_.push_back({first, n, sequence.n_past, sequence.global_blocks, sequence.sliding_blocks});
    if (sequence.prompt_logprobs)
      for (std::size_t j = 0; j < sequence.next_tokens.size(); ++j)
        rows_.push_back({first + static_cast<std::int32_t>(j), i, j});
    if (sequence.sampler) rows_.push_back({first + n - 1, i, std::nullopt});
  }
}

// After gather_rows(): which rows are images, and what stands there.
void ModelRunner::gather_images(std::span<const StepSequence> sequences) {
  soft_rows_.clear();
  image_ranges_.assign(sequences.size(), {});
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    const StepSequence& sequence = sequences[i];
    for (std::size_t j = 0; j < sequence.images.size(); ++j) {
      const ImageSpan& span = sequence.images[j];
      const auto& soft = static_cast<const SoftTokens&>(*sequence.encoded[j]);
      const std::uint64_t row = span.begin - sequence.n_past;
      image_ranges_[i].push_back({span.begin, span.end});
      // Only read; a Mat does not say so.
      soft_rows_.push_back(
          {batch_[i].first_row + static_cast<std::int64_t>(row),
           {const_cast<float*>(soft.values.data()), soft.tokens, decoder_.config().hidden}});
    }
    batch_[i].images = image_ranges_[i];
  }
}

Result<ImageProgress> ModelRunner::encode_images(std::span<const ImageSpan> images) {
  assert(images_);  // the engine's door has refused them otherwise
  return images_->advance(images);
}

void ModelRunner::abandon_images() noexcept {
  if (images_) images_->abandon();
}

void ModelRunner::use_logits(std::span<const StepSequence> sequences,
                             std::span<const LogitRow> rows, std::vector<StepOutput>& outputs) {
  std::vector<std::int32_t> indices;
  for (const LogitRow& row : rows) indices.push_back(row.row);
  const Mat logits = logits_.top(static_cast<std::int64_t>(rows.size()));
  decoder_.logits(logits, indices);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const LogitRow& row = rows[i];
    const StepSequence& sequence = sequences[row.sequence];
    const std::span<float> values(logits.row(static_cast<std::int64_t>(i)), limits_.vocab_size);
    StepOutput& output = outputs[row.sequence];
    if (row.next)
      output.prompt_logprobs.push_back(
          token_logprob(values, sequence.next_tokens[*row.next], *sequence.prompt_logprobs));
    else
      draw(sequence, values, output);
  }
}

}  // namespace g4
