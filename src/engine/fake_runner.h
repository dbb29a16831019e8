// FakeRunner: a Runner without a model, for tests of everything above it.
//
// Its "KV" are the token ids themselves, written into the blocks that a step's tables name. Before
// it answers it reads the whole history back through the global table and computes logits from a
// hash of it; so a lost chunk, a wrong n_past or a block shared by mistake changes the words. The
// sliding ring is read back too and must agree with the window's tokens, else the step fails.
//
// Words: a script, if one applies, else the hash decides. A script applies when the history ends
// with its `after` followed by a beginning of its `reply` (an unfinished one); the longest `after`
// wins, then the later script. Chat tests put the end of the rendered prompt into `after`.
// Images become ready after `image_slices` slices, as many together as image_tokens_max soft tokens
// hold; a step fails that gets an image with something else than was made of it.
// Threads: engine thread only; options are given at construction.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/runner.h"

namespace g4 {

struct FakeScript {
  std::vector<TokenId> after;  // at least one token
  std::vector<TokenId> reply;  // end it with a stop token to end the answer
};

struct FakeRunnerOptions {
  // Small enough that tests meet every limit; chunk_tokens_max must leave room in the ring.
  RunnerLimits limits = {.context_tokens_max = 4096,
                         .step_tokens_max = 64,
                         .step_sequences_max = 8,
                         .chunk_tokens_max = 32,
                         .vocab_size = 300,
                         .kv = {.block_tokens = 8,
                                .global_blocks = 4096,
                                .sliding_blocks = 64,
                                .sliding_ring_blocks = 8,
                                .global_block_bytes = 8 * sizeof(TokenId),
                                .sliding_block_bytes = 8 * sizeof(TokenId)}};
  std::vector<FakeScript> scripts;
  std::function<TokenId(std::span<const TokenId> history)> say;  // instead of scripts: what follows
  std::chrono::microseconds step_delay{0};
  std::optional<std::uint64_t> fail_at_step;  // counted from 0; that step returns an Error
  std::uint32_t image_slices = 1;
  std::optional<std::uint64_t> fail_at_slice;  // likewise
  // Observers, on the engine thread; what they throw, the runner throws.
  std::function<void(std::span<const StepSequence>)> on_step;
  std::function<void(std::span<const ImageSpan>)> on_slice;
  std::function<void()> on_abandon;
};

// The logits after `history`: what a FakeRunner without mistakes in its tables computes.
void fake_logits(std::span<const TokenId> history, std::span<const FakeScript> scripts,
                 std::span<float> logits);

class FakeRunner : public Runner {
 public:
  explicit FakeRunner(FakeRunnerOptions options = {});

  const RunnerLimits& limits() const override { return options_.limits; }
  Result<std::vector<StepOutput>> step(std::span<const StepSequence> sequences) override;
  Result<ImageProgress> encode_images(std::span<const ImageSpan> images) override;
  void abandon_images() noexcept override;

 private:
  Status check(std::span<const StepSequence> sequences) const;
  Status check_images(const StepSequence& sequence) const;
  void write(const StepSequence& sequence);
  Status read_history(const StepSequence& sequence);  // into history_
  StepOutput answer(const StepSequence& sequence);

  FakeRunnerOptions options_;
  std::uint64_t steps_ = 0, slices_ = 0;
  std::vector<std::string> begun_;         // keys of the images that are being made ready
  std::uint32_t slices_done_ = 0;          // of these
  std::vector<TokenId> global_, sliding_;  // [block][position in block]
  std::vector<TokenId> history_;
  std::vector<float> logits_;
};

}  // namespace g4
