// One request on its way through the engine. Owned by the scheduler, touched by the engine thread
// only (built by the submitting thread before it is handed over).
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/engine.h"
#include "engine/kv_pool.h"
#include "engine/rule_workers.h"

namespace g4 {

struct Sequence {
  RequestId id = 0;  // also its age: lower is older
  EngineRequest request;
  EngineSink sink;
  std::optional<Sampler> sampler;   // none if only the prompt is scored
  std::shared_ptr<AskedRule> rule;  // null: any token may come. Shared: see RuleWorkers
  std::optional<RepetitionGuard> guard;

  std::vector<TokenId> tokens;  // prompt, then output
  std::uint64_t n_past = 0;     // tokens whose KV is stored; back to 0 after preemption
  SequenceBlocks blocks;
  bool held = false;  // its rule was late: no part of steps until there is an answer

  // Of request.images, what each has become; null before, and again when its tokens are stored: so
  // a sequence holds no more of them than were made ready together.
  std::vector<std::shared_ptr<const EncodedImage>> encoded;

  std::uint64_t output_tokens = 0;
  bool prompt_reported = false;
  std::chrono::steady_clock::time_point submitted;
  std::optional<std::chrono::nanoseconds> queued;  // known once something was computed for it
  std::vector<SampledToken> prompt_logprobs;       // collected until the prompt is done

  void note_begin(std::chrono::steady_clock::time_point now) {
    if (!queued) queued = now - submitted;
  }
  std::uint64_t pending() const { return tokens.size() - n_past; }
  // Where the last token stands, or the image that ends with it: what must be computed again for
  // the logits after it.
  std::uint64_t last_begin() const {
    const auto& images = request.images;
    if (!images.empty() && images.back().end == tokens.size()) return images.back().begin;
    return tokens.size() - 1;
  }
  // The first image whose tokens are not stored, or their number; images are never stored in part.
  std::size_t next_image() const {
    const auto stored = [](const ImageSpan& image, std::uint64_t end) { return image.end <= end; };
    const auto& images = request.images;
    return static_cast<std::size_t>(std::lower_bound(images.begin(), images.end(), n_past, stored) -
                                    images.begin());
  }
  // Those to be made ready before the prompt can go on to its end, from the next one to the first
  // that is ready. None while the next one is ready: the tower need not run ahead of the prompt.
  std::span<const ImageSpan> images_wanted() const {
    const std::size_t next = next_image();
    const auto begin = encoded.begin() + static_cast<std::ptrdiff_t>(next);
    const auto ready =
        std::find_if(begin, encoded.end(), [](const auto& p) { return p != nullptr; });
    return std::span(request.images).subspan(next, static_cast<std::size_t>(ready - begin));
  }
  // Pending tokens before the first image that is not ready.
  std::uint64_t computable() const {
    for (std::size_t i = next_image(); i < encoded.size(); ++i)
      if (!encoded[i]) return request.images[i].begin - n_past;
    return pending();
  }
  // One token that follows stored ones, and no image: an ordinary decode step.
  bool decoding() const {
    return n_past > 0 && pending() == 1 && next_image() == request.images.size();
  }
};

}  // namespace g4
