#include "engine/fake_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <thread>

#include "engine/draw.h"
#include "engine/kv_pool.h"

namespace g4 {
namespace {

constexpr TokenId kNothing = -1;
constexpr float kSaid = 1000;  // what a script says is far likelier than the rest

std::uint64_t mix(std::uint64_t x) {  // splitmix64's finaliser
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

// The reply's next token if `history` ends with script.after + a proper beginning of the reply.
std::optional<TokenId> continue_script(const FakeScript& script, std::span<const TokenId> history) {
  for (std::size_t said = 0; said < script.reply.size(); ++said) {
    if (history.size() < script.after.size() + said) return std::nullopt;
    const auto begin = history.end() - static_cast<std::ptrdiff_t>(script.after.size() + said);
    const auto middle = begin + static_cast<std::ptrdiff_t>(script.after.size());
    if (std::equal(begin, middle, script.after.begin()) &&
        std::equal(middle, history.end(), script.reply.begin()))
      return script.reply[said];
  }
  return std::nullopt;
}

struct FakeImage final : EncodedImage {
  explicit FakeImage(std::string of) : key(std::move(of)) {}
  std::string key;
};

std::size_t slot(std::span<const BlockId> table, std::uint64_t block, std::uint64_t position,
                 std::uint32_t block_tokens) {
  return std::size_t{table[block]} * block_tokens + position % block_tokens;
}

}  // namespace

void fake_logits(std::span<const TokenId> history, std::span<const FakeScript> scripts,
                 std::span<float> logits) {
  std::uint64_t hash = 0;
  for (const TokenId token : history) hash = mix(hash ^ static_cast<std::uint32_t>(token));
  for (std::size_t i = 0; i < logits.size(); ++i)
    logits[i] = static_cast<float>(mix(hash + i) >> 40) * 0x1p-21F;  // 0..8

  const FakeScript* chosen = nullptr;
  std::optional<TokenId> token;
  for (const FakeScript& script : scripts) {
    if (chosen != nullptr && script.after.size() < chosen->after.size()) continue;
    if (const auto next = continue_script(script, history)) {
      chosen = &script;
      token = next;
    }
  }
  if (token && static_cast<std::size_t>(*token) < logits.size())
    logits[static_cast<std::size_t>(*token)] = kSaid;
}

FakeRunner::FakeRunner(FakeRunnerOptions options) : options_(std::move(options)) {
  const RunnerLimits& limits = options_.limits;
  const KvLimits& kv = limits.kv;
  assert(kv.block_tokens > 0);
  assert(limits.chunk_tokens_max + limits.image_tokens_max <
         std::uint64_t{kv.sliding_ring_blocks} * kv.block_tokens);
  global_.assign(std::size_t{kv.global_blocks} * kv.block_tokens, kNothing);
  sliding_.assign(std::size_t{kv.sliding_blocks} * kv.block_tokens, kNothing);
  logits_.resize(limits.vocab_size);
}

Result<std::vector<StepOutput>> FakeRunner::step(std::span<const StepSequence> sequences) {
  if (options_.on_step) options_.on_step(sequences);
  if (options_.step_delay.count() > 0) std::this_thread::sleep_for(options_.step_delay);
  if (const std::uint64_t step = steps_++; step == options_.fail_at_step)
    return Error{fmt::format("the fake model was told to fail at step {}", step)};
  G4_TRY(check(sequences));
  for (const StepSequence& sequence : sequences) write(sequence);
  std::vector<StepOutput> outputs;
  for (const StepSequence& sequence : sequences) {
    G4_TRY(read_history(sequence));
    outputs.push_back(answer(sequence));
  }
  return outputs;
}

Result<ImageProgress> FakeRunner::encode_images(std::span<const ImageSpan> images) {
  if (options_.on_slice) options_.on_slice(images);
  if (const std::uint64_t slice = slices_++; slice == options_.fail_at_slice)
    return Error{fmt::format("the fake model was told to fail at slice {}", slice)};
  std::vector<std::string> keys;
  std::uint32_t tokens = 0;
  for (const ImageSpan& span : images) {
    tokens += span.image->soft_tokens;
    if (tokens > options_.limits.image_tokens_max) break;
    keys.push_back(span.image->key);
  }
  if (keys.empty()) return Error{"an image that the door should have refused"};
  if (begun_ != keys) {
    begun_ = keys;
    slices_done_ = 0;
  }
  if (++slices_done_ < options_.image_slices) return ImageProgress{};
  ImageProgress progress;
  for (std::string& key : keys)
    progress.ready.push_back(std::make_shared<FakeImage>(std::move(key)));
  progress.encoded = static_cast<std::uint32_t>(progress.ready.size());
  begun_.clear();
  return progress;
}

void FakeRunner::abandon_images() noexcept {
  begun_.clear();
  if (options_.on_abandon) options_.on_abandon();
}

// What a real runner may rely on.
Status FakeRunner::check(std::span<const StepSequence> sequences) const {
  const RunnerLimits& limits = options_.limits;
  std::uint64_t total = 0;
  std::uint32_t stretched = 0;
  for (const StepSequence& s : sequences) {
    total += s.tokens.size();
    const std::uint64_t end = s.n_past + s.tokens.size();
    const BlockCount need = blocks_for(limits.kv, end);
    const std::uint32_t stretch = s.images.empty() ? 0 : limits.image_tokens_max;
    stretched = std::max(stretched, stretch);
    if (s.tokens.empty() || s.tokens.size() > limits.chunk_tokens_max + stretch)
      return Error{fmt::format("a chunk of {} tokens; at most {}", s.tokens.size(),
                               limits.chunk_tokens_max)};
    G4_TRY(check_images(s));
    if (end > limits.context_tokens_max)
      return Error{fmt::format("position {} is outside the context", end)};
    if (s.global_blocks.size() < need.global || s.sliding_blocks.size() < need.sliding)
      return Error{fmt::format("{} + {} blocks are too few for {} positions",
                               s.global_blocks.size(), s.sliding_blocks.size(), end)};
    for (const BlockId block : s.global_blocks)
      if (block >= limits.kv.global_blocks) return Error{"a global block outside the pool"};
    for (const BlockId block : s.sliding_blocks)
      if (block >= limits.kv.sliding_blocks) return Error{"a sliding block outside the pool"};
    if (s.next_tokens.size() > s.tokens.size()) return Error{"more next tokens than tokens"};
  }
  if (sequences.size() > limits.step_sequences_max || total > limits.step_tokens_max + stretched)
    return Error{fmt::format("a step of {} sequences and {} tokens; at most {} and {}",
                             sequences.size(), total, limits.step_sequences_max,
                             limits.step_tokens_max)};
  return {};
}

Status FakeRunner::check_images(const StepSequence& s) const {
  const std::uint64_t end = s.n_past + s.tokens.size();
  if (s.encoded.size() != s.images.size())
    return Error{fmt::format("{} images, {} of them ready", s.images.size(), s.encoded.size())};
  for (std::size_t i = 0; i < s.images.size(); ++i) {
    const ImageSpan& image = s.images[i];
    if (image.begin < s.n_past || image.end > end)
      return Error{fmt::format("an image at {} to {} is cut by a chunk at {} to {}", image.begin,
                               image.end, s.n_past, end)};
    const auto* ready = dynamic_cast<const FakeImage*>(s.encoded[i].get());
    if (!ready || ready->key != image.image->key)
      return Error{fmt::format("image {} of a chunk is not ready", i)};
  }
  return {};
}

void FakeRunner::write(const StepSequence& s) {
  const KvLimits& kv = options_.limits.kv;
  for (std::size_t i = 0; i < s.tokens.size(); ++i) {
    const std::uint64_t position = s.n_past + i;
    const std::uint64_t block = position / kv.block_tokens;
    global_[slot(s.global_blocks, block, position, kv.block_tokens)] = s.tokens[i];
    sliding_[slot(s.sliding_blocks, block % kv.sliding_ring_blocks, position, kv.block_tokens)] =
        s.tokens[i];
  }
}

Status FakeRunner::read_history(const StepSequence& s) {
  const KvLimits& kv = options_.limits.kv;
  const std::uint64_t end = s.n_past + s.tokens.size();
  history_.resize(end);
  for (std::uint64_t p = 0; p < end; ++p)
    history_[p] = global_[slot(s.global_blocks, p / kv.block_tokens, p, kv.block_tokens)];
  // The ring holds one chunk more than the window: the chunk's first token still sees all of it.
  const std::uint64_t window = std::uint64_t{kv.sliding_ring_blocks} * kv.block_tokens -
                               options_.limits.chunk_tokens_max - options_.limits.image_tokens_max;
  for (std::uint64_t p = s.n_past - std::min(s.n_past, window - 1); p < end; ++p) {
    const std::uint64_t block = (p / kv.block_tokens) % kv.sliding_ring_blocks;
    if (sliding_[slot(s.sliding_blocks, block, p, kv.block_tokens)] != history_[p])
      return Error{fmt::format("the sliding ring has lost position {} of {}", p, end)};
  }
  return {};
}

StepOutput FakeRunner::answer(const StepSequence& s) {
  StepOutput output;
  const std::span<const TokenId> history = history_;
  if (s.prompt_logprobs) {
    for (std::size_t i = 0; i < s.next_tokens.size(); ++i) {
      fake_logits(history.first(s.n_past + i + 1), options_.scripts, logits_);
      output.prompt_logprobs.push_back(
          token_logprob(logits_, s.next_tokens[i], *s.prompt_logprobs));
    }
  }
  if (s.sampler != nullptr) {
    fake_logits(history, options_.scripts, logits_);
    if (options_.say) logits_[static_cast<std::size_t>(options_.say(history))] = kSaid;
    draw(s, logits_, output);
  }
  return output;
}

}  // namespace g4
