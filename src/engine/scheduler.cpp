#include "engine/scheduler.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace g4 {

namespace {

// `tokens` pending ones of the sequence, and what is missing of an image that they would cut.
std::uint64_t with_whole_images(const Sequence& sequence, std::uint64_t tokens) {
  const std::uint64_t end = sequence.n_past + tokens;
  for (const ImageSpan& image : sequence.request.images)
    if (image.begin < end && end < image.end) return image.end - sequence.n_past;
  return tokens;
}

}  // namespace

Scheduler::Scheduler(const RunnerLimits& limits, std::uint32_t running_max)
    : limits_(limits),
      running_max_(std::min({running_max, limits.step_sequences_max, limits.step_tokens_max})),
      pool_(limits.kv) {
  assert(running_max_ > 0 && limits.chunk_tokens_max > 0);
}

void Scheduler::add(std::unique_ptr<Sequence> sequence) {
  assert(waiting_.empty() || waiting_.back()->id < sequence->id);
  sequence->encoded.resize(sequence->request.images.size());
  waiting_.push_back(std::move(sequence));
}

std::unique_ptr<Sequence> Scheduler::remove(RequestId id) {
  const auto take = [&](auto& list) -> std::unique_ptr<Sequence> {
    const auto found =
        std::find_if(list.begin(), list.end(), [id](const auto& s) { return s->id == id; });
    if (found == list.end()) return nullptr;
    std::unique_ptr<Sequence> sequence = std::move(*found);
    list.erase(found);
    pool_.release(sequence->blocks);
    return sequence;
  };
  auto sequence = take(running_);
  return sequence ? std::move(sequence) : take(waiting_);
}

RequestId Scheduler::oldest() const {
  assert(!empty());
  return running_.empty() ? waiting_.front()->id : running_.front()->id;
}

std::span<const Scheduler::Chunk> Scheduler::plan() {
  chunks_.clear();
  plan_decodes();
  admit();
  plan_prompts();
  return chunks_;
}

std::optional<Scheduler::ImageWork> Scheduler::plan_images(std::optional<RequestId> begun) {
  Sequence* chosen = nullptr;
  for (const auto& sequence : running_) {
    if (sequence->images_wanted().empty()) continue;
    if (!chosen || sequence->id == begun) chosen = sequence.get();
  }
  if (!chosen) return std::nullopt;
  owed_to_images_ -= std::min<std::uint64_t>(owed_to_images_, limits_.slice_tokens);
  return ImageWork{chosen, chosen->images_wanted()};
}

void Scheduler::plan_decodes() {
  for (std::size_t i = 0; i < running_.size(); ++i) {
    Sequence* sequence = running_[i].get();
    if (sequence->held || !sequence->decoding()) continue;
    // Victims stand behind i or are i itself, so no chunk planned so far is lost.
    while (i < running_.size() && !pool_.grow(sequence->blocks, sequence->tokens.size())) {
      assert(running_.size() > 1);  // alone it fits: the door promised
      preempt_youngest();
    }
    if (i < running_.size()) chunks_.push_back({sequence, 1});
  }
}

void Scheduler::preempt_youngest() {
  std::unique_ptr<Sequence> sequence = std::move(running_.back());
  running_.pop_back();
  pool_.release(sequence->blocks);
  sequence->n_past = 0;
  sequence->prompt_logprobs.clear();
  waiting_.push_front(std::move(sequence));
  ++preemptions_;
}

// One block of each kind for every running sequence that can still grow in it; a closed ring
// cannot.
BlockCount Scheduler::growth_reserve() const {
  BlockCount reserve;
  reserve.global = running_.size();
  for (const auto& sequence : running_)
    if (sequence->blocks.sliding.size() < limits_.kv.sliding_ring_blocks) ++reserve.sliding;
  return reserve;
}

void Scheduler::admit() {
  while (!waiting_.empty() && running_.size() < running_max_) {
    Sequence& next = *waiting_.front();
    if (!pool_.fits(next.tokens.size(), growth_reserve())) return;
    const bool grown = pool_.grow(next.blocks, next.tokens.size());
    assert(grown);
    static_cast<void>(grown);
    running_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
}

void Scheduler::plan_prompts() {
  prompts_.clear();
  bool images_wanted = false;
  for (const auto& sequence : running_) {
    images_wanted |= !sequence->images_wanted().empty();
    if (!sequence->held && !sequence->decoding() && sequence->computable() > 0)
      prompts_.push_back({sequence.get(), 0});
  }
  if (!images_wanted) owed_to_images_ = 0;
  if (prompts_.empty() || owed_to_images_ > 0) return;

  std::uint64_t budget = limits_.step_tokens_max - chunks_.size();
  const auto give = [&](Chunk& chunk, std::uint64_t up_to) {
    const std::uint64_t total =
        std::min<std::uint64_t>(chunk.sequence->computable(), limits_.chunk_tokens_max);
    if (chunk.tokens >= total || budget == 0) return;
    const std::uint64_t before = chunk.tokens;
    chunk.tokens += std::min({total - before, up_to, budget});
    chunk.tokens = with_whole_images(*chunk.sequence, chunk.tokens);
    budget -= std::min(budget, chunk.tokens - before);
  };
  give(prompts_.front(), std::max<std::uint64_t>(budget / 4, 1));
  std::sort(prompts_.begin(), prompts_.end(), [](const Chunk& a, const Chunk& b) {
    return std::pair(a.sequence->pending(), a.sequence->id) <
           std::pair(b.sequence->pending(), b.sequence->id);
  });
  for (Chunk& chunk : prompts_) {
    give(chunk, budget);
    if (chunk.tokens == 0) continue;
    chunks_.push_back(chunk);
    if (images_wanted) owed_to_images_ += chunk.tokens;
  }
}

}  // namespace g4
