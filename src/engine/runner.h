// Runner: what the engine asks of a model. The engine owns this interface, so that scheduler, KV
// pool, loop, service and HTTP are tested with FakeRunner in milliseconds, without weights.
//
// A step runs any mix of prompt chunks and single decode tokens of several sequences. Numbers of
// one sequence never depend on its neighbours in a step, nor on how its prompt was cut into chunks.
// Images are made ready for their step before it, in slices of bounded work, between other steps.
// Threads: everything here is called from the engine thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "sampling/sampler.h"
#include "text/tokenizer.h"

namespace g4 {

class AskedRule;

using BlockId = std::uint32_t;

// KV memory is handed out in blocks of kv_block_tokens positions. Two kinds of layers, two pools:
// a global block holds the block's positions of all global layers and is kept; a sliding block
// holds those of all sliding layers, and the window is a ring of sliding blocks that are used
// again.
struct KvLimits {
  std::uint32_t block_tokens = 0;         // positions a block holds
  std::uint32_t global_blocks = 0;        // in the pool
  std::uint32_t sliding_blocks = 0;       // in the pool
  std::uint32_t sliding_ring_blocks = 0;  // most sliding blocks one sequence ever needs
  std::uint64_t global_block_bytes = 0;
  std::uint64_t sliding_block_bytes = 0;
};

// An image as a vision tower reads it. Made once, then only read; shared by whoever needs it.
struct ImageInput {
  std::vector<float> patches;  // [rows * columns, patch values], row by row, values 0 to 1
  std::int32_t columns = 0, rows = 0;
  std::uint32_t soft_tokens = 0;
  std::string key;  // of pixels and size: images with the same key have the same soft tokens
};

// Where an image stands in a sequence: its soft tokens take the places of tokens [begin, end).
struct ImageSpan {
  std::uint64_t begin = 0, end = 0;
  std::shared_ptr<const ImageInput> image;
};

// What a runner has made of an image for its steps. Opaque to the engine; alive as long as someone
// holds it.
class EncodedImage {
 public:
  virtual ~EncodedImage() = default;
};

// What a slice of work on images has brought.
struct ImageProgress {
  std::vector<std::shared_ptr<const EncodedImage>> ready;  // the first of the images asked for
  std::uint32_t encoded = 0;                               // of them; others were remembered
};

struct RunnerLimits {
  std::uint64_t context_tokens_max = 0;  // prompt + output of one sequence
  std::uint32_t step_tokens_max = 0;     // tokens of one step, all sequences together
  std::uint32_t step_sequences_max = 0;
  std::uint32_t chunk_tokens_max = 0;  // tokens of one sequence in one step
  // Soft tokens of one image; 0: the model sees no images. An image is never cut, so one in a step
  // may lengthen its chunk and the step by up to this many tokens.
  std::uint32_t image_tokens_max = 0;
  std::uint32_t slice_tokens = 12;  // tokens of a prompt that take as long as a slice of images
  std::size_t vocab_size = 0;
  KvLimits kv;
};

// One sequence's share of a step: tokens at positions [n_past, n_past + tokens.size()).
// Block tables: position p lives in global_blocks[p / block_tokens] and in
// sliding_blocks[(p / block_tokens) % sliding_ring_blocks].
struct StepSequence {
  std::span<const TokenId> tokens;
  std::uint64_t n_past = 0;
  std::span<const BlockId> global_blocks;
  std::span<const BlockId> sliding_blocks;
  std::span<const ImageSpan> images;  // whole ones among the tokens, in order...
  std::span<const std::shared_ptr<const EncodedImage>> encoded;  // ...and what stands for each
  Sampler* sampler = nullptr;       // not null: draw a token after the last position
  std::span<const TokenId> banned;  // for that draw only
  const AskedRule* rule = nullptr;  // not null: has a say in that draw
  std::optional<std::uint32_t>
      prompt_logprobs;                   // log-probability of token i+1 after token i, for every
                                         // i of this chunk whose next token is known...
  std::span<const TokenId> next_tokens;  // ...: next_tokens[i] follows tokens[i] (may be shorter)
};

struct StepOutput {
  // As draw() (draw.h) sets them for a sequence with a sampler. Neither: its rule is late.
  std::optional<SampledToken> sampled;
  std::optional<Error> error;                 // ends this sequence's request only
  std::vector<SampledToken> prompt_logprobs;  // one for each of next_tokens
};

class Runner {
 public:
  virtual ~Runner() = default;
  virtual const RunnerLimits& limits() const = 0;
  // outputs[i] belongs to sequences[i]. An Error fails every sequence of the step, not the server.
  virtual Result<std::vector<StepOutput>> step(std::span<const StepSequence> sequences) = 0;

  // One slice of work on `images` (of one sequence, in order, at least one): on as many of the
  // first as the runner takes together, which are ready all at once. While they are not, the caller
  // asks again with the same images; asked for others, the runner forgets what it has begun.
  virtual Result<ImageProgress> encode_images(std::span<const ImageSpan> images) = 0;
  // What has been begun, if anything, is not wanted any more. Also the way on after an Error.
  virtual void abandon_images() noexcept = 0;
};

}  // namespace g4
