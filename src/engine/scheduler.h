// Scheduler decides what the next step computes. No threads, no clock, no model: the same calls
// give the same plan.
//
// Rules, in the order in which plan() applies them:
//  1. Decode first: every running sequence past its prompt gets its one token. One that needs a
//     block while none is free takes it from the youngest running sequence, which gives back all
//     its blocks and waits again with its tokens (prompt and output), first in line. A sequence
//     never takes from an older one, so the oldest always moves on: no deadlock.
//  2. Admission in order of arrival. A sequence enters when the blocks of all its tokens are free
//     and one block for each running sequence that may grow remains (so that it is not thrown out
//     at once). It gets the blocks of its tokens at the door; so prompts never stop half-way for
//     want of memory. An empty house admits the first in line always: the engine's door has refused
//     what does not fit alone.
//  3. What remains of the step's tokens goes to prompts: a quarter to the oldest, the rest to the
//     shortest remaining first. Short prompts overtake long ones (best mean time to first token);
//     the oldest's quarter bounds every wait, since each prompt becomes the oldest in its turn.
//     Equal prompts run one after the other, not all late together. A chunk that would end inside
//     an image goes on to the image's end, even past what remains; then nothing does remain. A
//     chunk ends before an image that is not ready.
//
// A sequence that is held (its rule is late) keeps its blocks and is left out of 1 and 3.
//
// Images are made ready in slices, one between two steps. plan_images() says whose:
//  4. The oldest running sequence whose next image is not ready; but what was begun for one that
//     still runs is finished first, lest work be lost. A sequence whose next image is ready is
//     served no further, so that it never holds more soft tokens than were made ready together.
//  5. Prompts and images share the time evenly: while images are wanted, a step's prompt tokens are
//     a debt that slices pay off, slice_tokens each, and until it is paid steps hold decode tokens
//     only. Without this a busy server's prompts, each step of them as long as forty slices, would
//     starve images; and decode waits for one slice only, not for a whole debt.
//
// Threads: the engine thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/kv_pool.h"
#include "engine/sequence.h"

namespace g4 {

class Scheduler {
 public:
  struct Chunk {
    Sequence* sequence;
    std::uint64_t tokens;  // at positions [n_past, n_past + tokens)
  };
  struct ImageWork {
    Sequence* sequence;
    std::span<const ImageSpan> images;  // at least one
  };

  // running_max is lowered to what a step can hold.
  Scheduler(const RunnerLimits& limits, std::uint32_t running_max);

  void add(std::unique_ptr<Sequence> sequence);  // ids must rise
  // Takes a running or waiting sequence out, its blocks freed; null for an unknown id.
  std::unique_ptr<Sequence> remove(RequestId id);

  // The next step; empty if nothing runs or all that runs waits for images or is held. Valid until
  // the next plan(), except for sequences removed since.
  std::span<const Chunk> plan();

  // What the next slice works on. `begun`: whose images have had slices and are not ready.
  std::optional<ImageWork> plan_images(std::optional<RequestId> begun);

  bool empty() const { return running_.empty() && waiting_.empty(); }
  RequestId oldest() const;  // not when empty
  std::uint32_t running() const { return static_cast<std::uint32_t>(running_.size()); }
  std::uint32_t waiting() const { return static_cast<std::uint32_t>(waiting_.size()); }
  std::uint64_t preemptions() const { return preemptions_; }
  const KvPool& pool() const { return pool_; }

 private:
  void plan_decodes();
  BlockCount growth_reserve() const;
  void admit();
  void plan_prompts();
  void preempt_youngest();

  RunnerLimits limits_;
  std::uint32_t running_max_;
  KvPool pool_;
  std::vector<std::unique_ptr<Sequence>> running_;  // oldest first, all older than who waits
  std::deque<std::unique_ptr<Sequence>> waiting_;   // oldest first
  std::vector<Chunk> chunks_;
  std::vector<Chunk> prompts_;        // scratch of plan_prompts
  std::uint64_t owed_to_images_ = 0;  // prompt tokens computed while images were wanted
  std::uint64_t preemptions_ = 0;
};

}  // namespace g4
