#include "engine/scheduler.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace g4 {
namespace {

RunnerLimits small_limits() {
  RunnerLimits limits;
  limits.context_tokens_max = 1000;
  limits.step_tokens_max = 16;
  limits.step_sequences_max = 4;
  limits.chunk_tokens_max = 12;
  limits.vocab_size = 10;
  limits.kv.block_tokens = 4;
  limits.kv.global_blocks = 100;
  limits.kv.sliding_blocks = 16;
  limits.kv.sliding_ring_blocks = 4;
  return limits;
}

std::unique_ptr<Sequence> sequence(RequestId id, std::size_t prompt_tokens) {
  auto s = std::make_unique<Sequence>();
  s->id = id;
  s->tokens.assign(prompt_tokens, 1);
  return s;
}

std::vector<ImageSpan> images_at(
    std::initializer_list<std::pair<std::uint64_t, std::uint64_t>> ranges) {
  std::vector<ImageSpan> images;
  for (const auto& [begin, end] : ranges) images.push_back({begin, end, {}});
  return images;
}

void make_ready(Sequence& s, std::size_t first, std::size_t count) {
  for (std::size_t i = first; i < first + count; ++i)
    s.encoded.at(i) = std::make_shared<EncodedImage>();
}

std::unique_ptr<Sequence> image_sequence(RequestId id, std::size_t prompt_tokens,
                                         std::vector<ImageSpan> images) {
  auto s = sequence(id, prompt_tokens);
  s->encoded.resize(images.size());
  s->request.images = std::move(images);
  return s;
}

RunnerLimits image_limits() {
  RunnerLimits limits = small_limits();
  limits.image_tokens_max = 20;
  limits.slice_tokens = 4;
  limits.kv.sliding_ring_blocks = 12;
  limits.kv.sliding_blocks = 48;
  return limits;
}

using Shares = std::map<RequestId, std::uint64_t>;

// Plans a step and behaves as the engine does after it.
Shares step(Scheduler& scheduler) {
  Shares shares;
  for (const auto& [s, tokens] : scheduler.plan()) {
    EXPECT_TRUE(shares.emplace(s->id, tokens).second);
    s->n_past += tokens;
    if (s->pending() == 0) s->tokens.push_back(1);
  }
  return shares;
}

TEST(Scheduler, OnePromptIsCutIntoChunksThenDecodes) {
  Scheduler scheduler(small_limits(), 4);
  scheduler.add(sequence(1, 30));
  EXPECT_EQ(step(scheduler), (Shares{{1, 12}}));
  EXPECT_EQ(step(scheduler), (Shares{{1, 12}}));
  EXPECT_EQ(step(scheduler), (Shares{{1, 6}}));
  EXPECT_EQ(step(scheduler), (Shares{{1, 1}}));
  EXPECT_EQ(step(scheduler), (Shares{{1, 1}}));
  EXPECT_EQ(scheduler.remove(1)->tokens.size(), 33u);
  EXPECT_TRUE(scheduler.empty());
  EXPECT_EQ(scheduler.pool().global_used(), 0u);
  EXPECT_TRUE(scheduler.plan().empty());
}

TEST(Scheduler, NoChunkEndsInsideAnImage) {
  Scheduler scheduler(image_limits(), 4);
  auto one = image_sequence(1, 60, images_at({{10, 30}, {30, 35}, {40, 48}}));
  make_ready(*one, 0, 3);
  scheduler.add(std::move(one));
  scheduler.add(sequence(2, 40));
  // 16 tokens a step, the oldest's quarter first: 4, then 12 more for the shorter prompt...
  EXPECT_EQ(step(scheduler), (Shares{{1, 4}, {2, 12}}));
  EXPECT_EQ(step(scheduler), (Shares{{1, 4}, {2, 12}}));
  EXPECT_EQ(step(scheduler), (Shares{{1, 22}}));  // ...until the quarter meets an image
  EXPECT_EQ(step(scheduler), (Shares{{1, 5}, {2, 11}}));
  EXPECT_EQ(step(scheduler), (Shares{{1, 4 + 9}, {2, 5}}));  // 35..39, then 40..48 in whole
}

// Whatever runs together, whatever the images: no image is cut and the bound of a step holds.
TEST(Scheduler, ImagesStayWholeInAnyCompany) {
  std::mt19937 random(5);
  for (int round = 0; round < 300; ++round) {
    const RunnerLimits limits = image_limits();
    Scheduler scheduler(limits, 4);
    std::map<RequestId, std::vector<ImageSpan>> images;
    for (RequestId id = 1; id <= 4; ++id) {
      std::vector<ImageSpan> spans;
      for (std::uint64_t at = random() % 9; at + 20 < 100; at += random() % 9) {
        const std::uint64_t end = at + 1 + random() % 20;
        spans.push_back({at, end, {}});
        at = end;
      }
      images[id] = spans;
      auto s = image_sequence(id, 100, spans);
      make_ready(*s, 0, spans.size());
      scheduler.add(std::move(s));
    }
    std::map<RequestId, std::uint64_t> past;
    for (int i = 0; i < 40; ++i) {
      std::uint64_t total = 0;
      for (const auto& [id, tokens] : step(scheduler)) {
        total += tokens;
        past[id] += tokens;
        for (const ImageSpan& image : images[id])
          ASSERT_FALSE(image.begin < past[id] && past[id] < image.end) << round;
      }
      ASSERT_LT(total, limits.step_tokens_max + limits.image_tokens_max);
    }
    for (const auto& [id, tokens] : past) EXPECT_GE(tokens, 100U) << id;
  }
}

TEST(Scheduler, APromptWaitsBeforeAnImageThatIsNotReady) {
  Scheduler scheduler(image_limits(), 4);
  auto owned = image_sequence(1, 40, images_at({{10, 20}, {20, 25}, {30, 36}}));
  Sequence& s = *owned;
  scheduler.add(std::move(owned));
  EXPECT_FALSE(scheduler.plan_images({}));  // it waits outside
  EXPECT_EQ(step(scheduler), (Shares{{1, 10}}));
  EXPECT_EQ(step(scheduler), Shares{});
  auto work = scheduler.plan_images({});
  ASSERT_TRUE(work);
  EXPECT_EQ(work->sequence, &s);
  EXPECT_EQ(work->images.data(), s.request.images.data());
  EXPECT_EQ(work->images.size(), 3U);
  make_ready(s, 0, 2);
  EXPECT_FALSE(scheduler.plan_images({}));  // those come first
  EXPECT_EQ(step(scheduler), (Shares{{1, 15}}));
  EXPECT_EQ(step(scheduler), (Shares{{1, 5}}));
  EXPECT_EQ(step(scheduler), Shares{});
  work = scheduler.plan_images(1);
  ASSERT_TRUE(work);
  EXPECT_EQ(work->images.size(), 1U);
  make_ready(s, 2, 1);
  EXPECT_EQ(step(scheduler), (Shares{{1, 10}}));
  EXPECT_EQ(step(scheduler), (Shares{{1, 1}}));
  EXPECT_FALSE(scheduler.plan_images({}));
}

// A last token that is an image looks like a decode step.
TEST(Scheduler, AnImageOfOneTokenAtTheEndIsWaitedFor) {
  Scheduler scheduler(image_limits(), 4);
  auto owned = image_sequence(1, 5, images_at({{4, 5}}));
  Sequence& s = *owned;
  scheduler.add(std::move(owned));
  EXPECT_EQ(step(scheduler), (Shares{{1, 4}}));
  EXPECT_EQ(step(scheduler), Shares{});
  make_ready(s, 0, 1);
  EXPECT_EQ(step(scheduler), (Shares{{1, 1}}));
}

TEST(Scheduler, TheOldestsImagesComeFirstAndWhatWasBegunIsFinished) {
  Scheduler scheduler(image_limits(), 2);
  std::vector<Sequence*> all;
  for (RequestId id = 1; id <= 3; ++id) {
    auto s = image_sequence(id, 20, images_at({{0, 9}, {10, 19}}));
    all.push_back(s.get());
    scheduler.add(std::move(s));
  }
  EXPECT_EQ(step(scheduler), Shares{});
  const auto chosen = [&](std::optional<RequestId> begun) {
    const auto work = scheduler.plan_images(begun);
    return work ? work->sequence->id : 0;
  };
  EXPECT_EQ(chosen({}), 1U);
  EXPECT_EQ(chosen(2), 2U);
  EXPECT_EQ(chosen(3), 1U);  // begun before it was thrown out, say
  make_ready(*all[0], 0, 1);
  EXPECT_EQ(chosen(1), 2U);
  step(scheduler);  // the first image of 1 and the token after it
  EXPECT_EQ(all[0]->n_past, 10U);
  EXPECT_EQ(chosen(2), 2U);
  EXPECT_EQ(chosen({}), 1U);
  scheduler.remove(1);
  EXPECT_EQ(chosen(1), 2U);
  make_ready(*all[1], 0, 2);
  EXPECT_EQ(chosen(2), 0U);
  step(scheduler);
  EXPECT_EQ(chosen(2), 3U);
}

TEST(Scheduler, PromptsAndImagesShareTheTime) {
  Scheduler scheduler(image_limits(), 4);
  scheduler.add(sequence(1, 3));
  step(scheduler);
  scheduler.add(image_sequence(2, 20, images_at({{0, 20}})));
  scheduler.add(sequence(3, 15));
  EXPECT_EQ(step(scheduler), (Shares{{1, 1}, {3, 12}}));
  for (int slice = 0; slice < 3; ++slice) {  // 12 tokens: three slices
    EXPECT_EQ(step(scheduler), (Shares{{1, 1}})) << slice;
    EXPECT_TRUE(scheduler.plan_images(2));
  }
  EXPECT_EQ(step(scheduler), (Shares{{1, 1}, {3, 3}}));
  EXPECT_EQ(step(scheduler), (Shares{{1, 1}, {3, 1}}));  // its answer, not held up
  scheduler.add(sequence(4, 20));
  EXPECT_EQ(step(scheduler).count(4), 0U);  // three tokens are owed
  scheduler.remove(2);                      // to nobody
  EXPECT_EQ(step(scheduler).count(4), 1U);
}

// What is ready stays so; what had been used is asked for again.
TEST(Scheduler, APreemptedSequenceKeepsTheImagesThatAreReady) {
  RunnerLimits limits = image_limits();
  limits.kv.global_blocks = 9;
  Scheduler scheduler(limits, 4);
  scheduler.add(sequence(1, 4));
  step(scheduler);  // its answer takes its second block
  auto owned = image_sequence(2, 24, images_at({{0, 4}, {5, 9}, {12, 20}}));
  Sequence& s = *owned;
  make_ready(s, 0, 2);
  scheduler.add(std::move(owned));
  step(scheduler);
  EXPECT_EQ(s.n_past, 12U);
  s.encoded[0] = s.encoded[1] = nullptr;  // as the engine does
  make_ready(s, 2, 1);
  // 1 grows, 2 stands still: as if the step had no tokens left for it.
  for (int i = 0; i < 20 && scheduler.preemptions() == 0; ++i)
    for (const auto& [running, tokens] : scheduler.plan())
      if (running->id == 1) {
        running->n_past += tokens;
        running->tokens.push_back(1);
      }
  ASSERT_EQ(scheduler.preemptions(), 1U);
  EXPECT_EQ(s.n_past, 0U);
  EXPECT_EQ(s.images_wanted().size(), 2U);
  EXPECT_TRUE(s.encoded[2]);
}

TEST(Scheduler, DecodesGoFirstAndShortPromptsOvertake) {
  Scheduler scheduler(small_limits(), 4);
  scheduler.add(sequence(1, 3));
  step(scheduler);
  scheduler.add(sequence(2, 200));
  EXPECT_EQ(step(scheduler), (Shares{{1, 1}, {2, 12}}));
  scheduler.add(sequence(3, 10));
  scheduler.add(sequence(4, 30));
  // 15 tokens: 3 for the oldest prompt, 10 for the shortest, the rest for the next shortest.
  EXPECT_EQ(step(scheduler), (Shares{{1, 1}, {2, 3}, {3, 10}, {4, 2}}));
  EXPECT_EQ(step(scheduler), (Shares{{1, 1}, {2, 3}, {3, 1}, {4, 11}}));
}

TEST(Scheduler, TheRunningLimitIsTheSmallestOfThree) {
  RunnerLimits limits = small_limits();
  limits.step_tokens_max = 2;
  Scheduler scheduler(limits, 9);
  for (RequestId id = 1; id <= 5; ++id) scheduler.add(sequence(id, 1));
  EXPECT_EQ(step(scheduler), (Shares{{1, 1}, {2, 1}}));
  EXPECT_EQ(scheduler.waiting(), 3u);
}

TEST(Scheduler, TheYoungestGivesWayAndComesBackFirst) {
  RunnerLimits limits = small_limits();
  limits.kv.global_blocks = 5;
  Scheduler scheduler(limits, 4);
  scheduler.add(sequence(1, 7));
  scheduler.add(sequence(2, 4));
  step(scheduler);  // 2 + 1 blocks
  scheduler.add(sequence(3, 4));
  EXPECT_EQ(scheduler.waiting(), 1u);
  EXPECT_EQ(step(scheduler).count(3), 0u);  // one block for each running one must stay free
  step(scheduler);                          // 1 grows to 3, 2 has 2: full
  EXPECT_EQ(scheduler.pool().global_used(), 5u);
  for (int i = 0; i < 2; ++i) step(scheduler);
  const Shares shares = step(scheduler);  // one of them needs a sixth block
  EXPECT_EQ(shares, (Shares{{1, 1}}));
  EXPECT_EQ(scheduler.preemptions(), 1u);
  EXPECT_EQ(scheduler.waiting(), 2u);
  scheduler.remove(1);
  const Shares back = step(scheduler);
  ASSERT_TRUE(back.count(2));
  EXPECT_GT(back.at(2), 4u);  // prompt and output again
}

TEST(Scheduler, AHeldSequenceKeepsItsBlocksAndIsLeftOut) {
  RunnerLimits limits = small_limits();
  limits.kv.global_blocks = 5;
  Scheduler scheduler(limits, 4);
  auto decoding = sequence(1, 7), one_token = sequence(2, 1);
  Sequence& first = *decoding;
  Sequence& second = *one_token;
  scheduler.add(std::move(decoding));
  scheduler.add(std::move(one_token));
  EXPECT_EQ(step(scheduler), (Shares{{1, 7}, {2, 1}}));
  first.held = true;
  second.held = true;  // its only token, which was the prompt's, must be computed again
  second.tokens.pop_back();
  second.n_past = 0;
  EXPECT_EQ(step(scheduler), Shares{});
  EXPECT_EQ(scheduler.pool().global_used(), 3U);
  first.held = false;
  // It needs the last blocks and the held one's too.
  for (int i = 0; i < 12; ++i) EXPECT_EQ(step(scheduler), (Shares{{1, 1}}));
  EXPECT_EQ(scheduler.preemptions(), 1U);
  scheduler.remove(1);
  EXPECT_EQ(step(scheduler), Shares{});  // admitted again, and still held
  EXPECT_EQ(scheduler.running(), 1U);
  second.held = false;
  EXPECT_EQ(step(scheduler), (Shares{{2, 1}}));
}

TEST(Scheduler, ClosedRingsNeedNoReserve) {
  RunnerLimits limits = small_limits();
  limits.kv.sliding_blocks = 8;  // two rings exactly
  Scheduler scheduler(limits, 4);
  scheduler.add(sequence(1, 40));
  scheduler.add(sequence(2, 40));
  scheduler.add(sequence(3, 4));
  step(scheduler);
  EXPECT_EQ(scheduler.running(), 2u);
  EXPECT_EQ(scheduler.waiting(), 1u);
}

// Any mix of arrivals, lengths and cancellations: the oldest moves in every step, limits hold,
// everyone finishes.
TEST(Scheduler, EveryoneFinishesUnderPressure) {
  for (unsigned seed = 0; seed < 60; ++seed) {
    std::mt19937 random(seed);
    RunnerLimits limits = small_limits();
    limits.kv.global_blocks = static_cast<std::uint32_t>(13 + random() % 10);
    limits.kv.sliding_blocks = static_cast<std::uint32_t>(4 + random() % 8);
    limits.step_tokens_max = static_cast<std::uint32_t>(4 + random() % 20);
    Scheduler scheduler(limits, 4);
    std::map<RequestId, std::uint64_t> length;  // when it ends
    RequestId next = 1;
    int steps = 0;
    while (next <= 40 || !scheduler.empty()) {
      ASSERT_LT(++steps, 20000) << "seed " << seed;
      if (next <= 40 && random() % 3 == 0) {
        const std::uint64_t prompt = 1 + random() % 40;
        length[next] = prompt + 1 + random() % 12;  // at most 52 positions: 13 blocks
        scheduler.add(sequence(next++, prompt));
      }
      if (scheduler.empty()) continue;
      if (random() % 50 == 0) scheduler.remove(1 + random() % (next - 1));
      if (scheduler.empty()) continue;
      const RequestId oldest = scheduler.oldest();
      std::uint64_t total = 0;
      bool moved = false;
      std::vector<RequestId> ended;
      const auto chunks = scheduler.plan();
      ASSERT_LE(chunks.size(), limits.step_sequences_max);
      for (const auto& [s, tokens] : chunks) {
        ASSERT_GT(tokens, 0u);
        ASSERT_LE(tokens, limits.chunk_tokens_max);
        total += tokens;
        moved |= s->id == oldest;
        s->n_past += tokens;
        const BlockCount need = blocks_for(limits.kv, s->n_past);
        ASSERT_GE(s->blocks.global.size(), need.global);
        ASSERT_GE(s->blocks.sliding.size(), need.sliding);
        if (s->pending() > 0) continue;
        s->tokens.push_back(1);
        if (s->tokens.size() >= length[s->id]) ended.push_back(s->id);
      }
      ASSERT_TRUE(moved) << "seed " << seed;
      ASSERT_LE(total, limits.step_tokens_max);
      for (const RequestId id : ended) ASSERT_TRUE(scheduler.remove(id));
    }
    EXPECT_EQ(scheduler.pool().global_used(), 0u);
    EXPECT_EQ(scheduler.pool().sliding_used(), 0u);
  }
}

}  // namespace
}  // namespace g4
