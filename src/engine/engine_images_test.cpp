// Images in the engine: slices of their encoding between steps, in whose order, and what becomes of
// them when a request leaves or fails.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <random>
#include <stdexcept>

#include "engine/test_support.h"

namespace g4 {
namespace {

using ::testing::HasSubstr;

std::shared_ptr<const ImageInput> image(const std::string& key, std::uint32_t tokens) {
  auto input = std::make_shared<ImageInput>();
  input->key = key;
  input->soft_tokens = tokens;
  return input;
}

// A prompt of two tokens and, for each key, an image of `tokens` and a token after it.
EngineRequest image_request(const std::vector<std::string>& keys, std::uint32_t tokens = 10,
                            std::uint64_t output_tokens = 5) {
  EngineRequest r = request(random_prompt(2 + keys.size() * (tokens + 1), 77), output_tokens);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const std::uint64_t begin = 2 + i * (tokens + 1);
    r.images.push_back({begin, begin + tokens, image(keys[i], tokens)});
  }
  return r;
}

FakeRunnerOptions seeing() {
  FakeRunnerOptions fake;
  fake.limits.image_tokens_max = 20;
  return fake;
}

std::string keys_of(std::span<const ImageSpan> images) {
  std::string keys;
  for (const ImageSpan& span : images) keys += span.image->key;
  return keys;
}

TEST(EngineImages, GiveTheWordsOfThePlainLoop) {
  FakeRunnerOptions fake = seeing();
  fake.image_slices = 3;
  House house(fake);
  for (const std::uint32_t tokens : {1, 10, 19}) {
    const EngineRequest r = image_request({"a", "b", "c"}, tokens, 20);
    EXPECT_EQ(house.run(r).tokens, expected(r));
  }
  EngineRequest last = image_request({"a"}, 1);  // the prompt ends with an image of one token
  last.prompt.pop_back();
  EXPECT_EQ(house.run(last).tokens, expected(last));
  const EngineStats stats = house.engine.stats();
  EXPECT_EQ(stats.images_encoded, 3U * 3 + 1);
  // 20 soft tokens are made ready together: all three, two and one, one by one, one.
  EXPECT_EQ(stats.image_slices, 3U * (1 + 2 + 3 + 1));
}

TEST(EngineImages, ATokenOfOtherStreamsComesBetweenTwoSlices) {
  FakeRunnerOptions fake = seeing();
  fake.image_slices = 200;
  std::string log;  // engine thread, read after drain
  std::latch submitted(1);
  fake.on_slice = [&](std::span<const ImageSpan>) { log += 'i'; };
  fake.on_step = [&](std::span<const StepSequence> sequences) {
    submitted.wait();
    log += sequences.size() == 1 ? '1' : '2';
  };
  House house(fake);
  Collector text, seen;
  const EngineRequest words = request({1, 2, 3}, 150), with_image = image_request({"a"});
  house.engine.submit(words, text.sink());
  house.engine.submit(with_image, seen.sink());
  submitted.count_down();
  EXPECT_EQ(text.wait().tokens, expected(words));
  EXPECT_EQ(seen.wait().tokens, expected(with_image));
  house.engine.drain();
  const std::size_t begin = log.find('i'), end = log.rfind('i') + 1;
  const std::string sliced = log.substr(begin, end - begin);
  EXPECT_EQ(std::ranges::count(sliced, 'i'), 200);
  // One slice, one step, while the words last; then slices only.
  const std::size_t both = sliced.find("ii");
  ASSERT_NE(both, std::string::npos);
  EXPECT_GT(both, 2U * 140);
  for (std::size_t i = 0; i < both; ++i) EXPECT_EQ(sliced[i] == 'i', i % 2 == 0) << i;
  EXPECT_EQ(sliced.find_first_of("12", both), std::string::npos);
}

TEST(EngineImages, OldestFirstAndTogetherAsFarAsTheyFit) {
  FakeRunnerOptions fake = seeing();
  fake.image_slices = 2;
  std::vector<std::string> slices;
  std::latch submitted(1);
  fake.on_slice = [&](std::span<const ImageSpan> images) { slices.push_back(keys_of(images)); };
  fake.on_step = [&](std::span<const StepSequence>) { submitted.wait(); };
  House house(fake);
  std::vector<Collector> collectors(3);
  house.engine.submit(request({1}, 1), collectors[0].sink());  // holds the thread in a step
  const EngineRequest first = image_request({"a", "b", "c"}), second = image_request({"d"});
  house.engine.submit(first, collectors[1].sink());
  house.engine.submit(second, collectors[2].sink());
  submitted.count_down();
  EXPECT_EQ(collectors[1].wait().tokens, expected(first));
  EXPECT_EQ(collectors[2].wait().tokens, expected(second));
  house.engine.drain();
  // a and b fit together; the step after them takes them in.
  EXPECT_EQ(slices, (std::vector<std::string>{"abc", "abc", "c", "c", "d", "d"}));
}

TEST(EngineImages, CancellingStopsTheEncoding) {
  FakeRunnerOptions fake = seeing();
  fake.image_slices = 1'000'000'000;
  std::latch encoding(3);
  std::atomic<int> slices = 0, abandoned = 0;
  fake.on_slice = [&](std::span<const ImageSpan>) {
    if (++slices <= 3) encoding.count_down();
  };
  fake.on_abandon = [&] { ++abandoned; };
  House house(fake);
  Collector collector;
  const auto id = house.engine.submit(image_request({"a"}), collector.sink());
  encoding.wait();
  house.engine.cancel(std::get<RequestId>(id));
  EXPECT_EQ(collector.wait().finish.reason, FinishReason::kCancelled);
  house.run(request({1, 2}, 3));  // a turn later...
  const int then = slices;
  EXPECT_EQ(abandoned, 1);
  house.run(request({1, 2}, 30));
  EXPECT_EQ(slices, then);  // ...and for good
  EXPECT_EQ(house.engine.stats().images_encoded, 0U);
}

TEST(EngineImages, TheDestructorDoesNotWaitForAnImage) {
  FakeRunnerOptions fake = seeing();
  fake.image_slices = 1'000'000'000;
  Collector collector;
  {
    House house(fake);
    house.engine.submit(image_request({"a"}), collector.sink());
  }
  EXPECT_EQ(collector.wait().finish.reason, FinishReason::kCancelled);
}

TEST(EngineImages, AFailedEncodingEndsItsRequestOnly) {
  FakeRunnerOptions fake = seeing();
  fake.image_slices = 4;
  fake.fail_at_slice = 2;
  int slices = 0;
  std::atomic<int> abandoned = 0;
  fake.on_slice = [&](std::span<const ImageSpan>) {
    if (slices++ == 5) throw std::runtime_error("out of luck");
  };
  fake.on_abandon = [&] { ++abandoned; };
  House house(fake);
  Collector beside;
  const EngineRequest words = request({1, 2, 3}, 3000);
  house.engine.submit(words, beside.sink());
  const EngineRequest r = image_request({"a"});
  Outcome got = house.run(r);
  EXPECT_EQ(got.finish.reason, FinishReason::kError);
  EXPECT_THAT(got.finish.error, HasSubstr("told to fail at slice 2"));
  EXPECT_EQ(abandoned, 1);
  got = house.run(r);
  EXPECT_EQ(got.finish.reason, FinishReason::kError);
  EXPECT_THAT(got.finish.error, HasSubstr("encoding images failed: out of luck"));
  EXPECT_EQ(abandoned, 2);
  EXPECT_EQ(house.run(r).tokens, expected(r));
  EXPECT_EQ(beside.wait().tokens, expected(words));
  EXPECT_EQ(abandoned, 2);
}

TEST(EngineImages, ARunnerThatAnswersNonsenseFailsTheRequest) {
  struct Nonsense : FakeRunner {
    using FakeRunner::FakeRunner;
    std::size_t images = 0;
    Result<ImageProgress> encode_images(std::span<const ImageSpan>) override {
      ImageProgress progress;
      progress.ready.resize(1 + images++ * 7);  // one nothing, then eight of one
      if (images > 1) progress.ready.assign(8, std::make_shared<EncodedImage>());
      return progress;
    }
  };
  House house(std::make_unique<Nonsense>(seeing()));
  for (const char* error : {"made 1 of 1 images ready", "made 8 of 1 images ready"})
    EXPECT_THAT(house.run(image_request({"a"})).finish.error, HasSubstr(error));
}

// Sequences lose their blocks while images are made ready, wait, or have been taken in.
TEST(EngineImages, ThrongedRequestsHaveTheirWords) {
  FakeRunnerOptions fake = seeing();
  fake.image_slices = 3;
  fake.limits.kv.global_blocks = 30;
  fake.limits.kv.sliding_blocks = 24;
  std::mt19937 random(4);
  std::uint64_t preemptions = 0;
  for (int round = 0; round < 20; ++round) {
    House house(fake);
    std::vector<EngineRequest> requests;
    std::vector<Collector> collectors(8);
    for (Collector& collector : collectors) {
      std::vector<std::string> keys(random() % 5);
      for (std::string& key : keys) key = std::to_string(random() % 3);
      requests.push_back(
          image_request(keys, 1 + static_cast<std::uint32_t>(random() % 12), 20 + random() % 60));
      house.engine.submit(requests.back(), collector.sink());
    }
    for (std::size_t i = 0; i < requests.size(); ++i) {
      const Outcome got = collectors[i].wait();
      EXPECT_EQ(got.finish.reason, FinishReason::kLength) << got.finish.error;
      EXPECT_EQ(got.tokens, expected(requests[i])) << i;
    }
    preemptions += house.engine.stats().preemptions;
    EXPECT_EQ(house.engine.stats().global_blocks_used, 0U);
  }
  EXPECT_GT(preemptions, 0U);
}

}  // namespace
}  // namespace g4
