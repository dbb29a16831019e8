// A prompt with images from the engine's door to its words: the same as transformers' greedy ones,
// beside other requests, from a Hugging Face folder and with an mmproj file.
#include <gmock/gmock.h>

#include <future>

#include "engine/engine.h"
#include "model/vision_golden.h"
#include "runner/image_encoder.h"
#include "runner/loaded_model.h"

namespace g4 {
namespace {

constexpr TokenId kImageId = 20;
constexpr std::size_t kGridsOfPrompt[] = {3, 2};  // of golden::kGrids, as they come in the prompt

std::shared_ptr<const ImageInput> image(std::size_t grid) {
  const golden::Grid& size = golden::kGrids[grid];
  auto input = std::make_shared<ImageInput>();
  input->patches = golden::pixels(size.columns * size.rows * 768, grid);
  input->columns = static_cast<std::int32_t>(size.columns);
  input->rows = static_cast<std::int32_t>(size.rows);
  input->soft_tokens = static_cast<std::uint32_t>(size.columns * size.rows / 9);
  input->key = size.name();
  return input;
}

EngineRequest image_request(const std::map<std::string, golden::Tensor>& golden) {
  EngineRequest request;
  request.prompt = golden.at("prompt.ids").ids;
  request.sampling.temperature = 0;
  request.output_tokens_max = golden.at("greedy.ids").ids.size();
  std::size_t at = 0;
  for (const std::size_t grid : kGridsOfPrompt) {
    while (request.prompt[at] != kImageId) ++at;
    const auto input = image(grid);
    request.images.push_back({at, at + input->soft_tokens, input});
    at += input->soft_tokens;
  }
  return request;
}

struct Answer {
  std::vector<TokenId> words;
  FinishEvent end;
};

std::future<Answer> ask(Engine& engine, EngineRequest request) {
  auto answer = std::make_shared<Answer>();
  auto promise = std::make_shared<std::promise<Answer>>();
  auto taken = engine.submit(std::move(request), [answer, promise](EngineEvent event) {
    if (const auto* token = std::get_if<TokenEvent>(&event))
      answer->words.push_back(token->token.id);
    if (const auto* end = std::get_if<FinishEvent>(&event)) {
      answer->end = *end;
      promise->set_value(*answer);
    }
  });
  if (const auto* refusal = std::get_if<Refusal>(&taken)) {
    answer->end.reason = FinishReason::kError;
    answer->end.error = refusal->message;
    promise->set_value(*answer);
  }
  return promise->get_future();
}

LoadOptions on_reference() {
  LoadOptions options;
  options.backend = "reference";
  return options;
}

std::unique_ptr<Engine> engine_of(const LoadOptions& options) {
  auto model = load_model(golden::vision_folder(), options);
  if (!model) throw std::runtime_error(model.error().message);
  return std::make_unique<Engine>(std::move(model->runner),
                                  EngineOptions{.suppressed = {kImageId}});
}

TEST(ImagePromptInEngine, WordsAreThoseOfTransformers) {
  const auto golden = golden::read_tensors(golden::vision_folder() + "/golden-images.safetensors");
  for (const char* mmproj : {"", "/mmproj.gguf"}) {
    LoadOptions options = on_reference();
    if (*mmproj) options.mmproj = golden::vision_folder() + mmproj;
    const auto engine = engine_of(options);
    // Three of them at once, and words without images beside them.
    EngineRequest text;
    text.prompt = {2, 30, 31, 32};
    text.output_tokens_max = 20;
    auto beside = ask(*engine, text);
    std::vector<std::future<Answer>> answers;
    for (int i = 0; i < 3; ++i) answers.push_back(ask(*engine, image_request(golden)));
    for (auto& answer : answers) EXPECT_EQ(answer.get().words, golden.at("greedy.ids").ids);
    EXPECT_EQ(beside.get().words.size(), 20U);
  }
}

TEST(ImagePromptInEngine, WhatDoesNotFitIsRefused) {
  const auto golden = golden::read_tensors(golden::vision_folder() + "/golden-images.safetensors");
  const auto engine = engine_of(on_reference());
  EngineRequest cut = image_request(golden);
  cut.images[0].end -= 1;
  EXPECT_THAT(ask(*engine, cut).get().end.error, testing::HasSubstr("soft tokens"));
  EngineRequest outside = image_request(golden);
  outside.prompt.resize(20);
  EXPECT_THAT(ask(*engine, outside).get().end.error, testing::HasSubstr("of a prompt of 20"));

  auto blind = load_model(golden::models_folder() + "gemma4-moe", on_reference());
  ASSERT_TRUE(blind) << blind.error().message;
  EXPECT_FALSE(blind->vision);
  Engine text_only(std::move(blind->runner), {});
  EXPECT_THAT(ask(text_only, image_request(golden)).get().end.error,
              testing::HasSubstr("reads text only"));
}

struct Encoder {
  Encoder() {
    auto checkpoint = Checkpoint::open(golden::vision_folder());
    const auto config = read_vision_config(*checkpoint);
    auto weights = load_vision_weights(*backend, *checkpoint, **config, {});
    encoder = std::make_unique<ImageEncoder>(*backend, **config, std::move(*weights));
  }
  // All slices that it takes.
  ImageProgress finish(std::span<const ImageSpan> images) {
    for (slices = 1;; ++slices) {
      auto progress = encoder->advance(images, kWork);
      if (!progress) throw std::runtime_error(progress.error().message);
      if (!progress->ready.empty()) return *progress;
    }
  }
  static constexpr std::int64_t kWork = 1;  // the least slices
  std::unique_ptr<Backend> backend = make_reference_backend();
  std::unique_ptr<ImageEncoder> encoder;
  int slices = 0;
};

std::vector<ImageSpan> spans(std::initializer_list<std::shared_ptr<const ImageInput>> images) {
  std::vector<ImageSpan> spans;
  for (const auto& image : images) spans.push_back({0, image->soft_tokens, image});
  return spans;
}

const std::vector<float>& values(const std::shared_ptr<const EncodedImage>& image) {
  return dynamic_cast<const SoftTokens&>(*image).values;
}

TEST(ImageEncoder, RemembersWhatItHasEncoded) {
  Encoder e;
  const auto twice = spans({image(0), image(3), image(0)});
  const ImageProgress first = e.finish(twice);
  EXPECT_EQ(first.encoded, 2U);
  EXPECT_GT(e.slices, 2);
  ASSERT_EQ(first.ready.size(), 3U);
  EXPECT_EQ(first.ready[0], first.ready[2]);
  EXPECT_EQ(values(first.ready[0]).size(), 64U);
  EXPECT_EQ(values(first.ready[1]).size(), 8U * 64);
  const ImageProgress again = e.finish(twice);
  EXPECT_EQ(again.encoded, 0U);
  EXPECT_EQ(e.slices, 1);
  EXPECT_EQ(again.ready, first.ready);
  EXPECT_EQ(e.encoder->kept_bytes(), 9U * 64 * sizeof(float));
  // A known image among others.
  const ImageProgress some = e.finish(spans({image(2), image(3)}));
  EXPECT_EQ(some.encoded, 1U);
  EXPECT_EQ(some.ready[1], first.ready[1]);
}

TEST(ImageEncoder, OtherImagesTakeThePlaceOfThoseBegun) {
  Encoder e, plain;
  const auto a = spans({image(2)}), b = spans({image(3), image(0)});
  const ImageProgress want_a = plain.finish(a), want_b = plain.finish(b);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(e.encoder->advance(a, Encoder::kWork)->ready.empty());
  const ImageProgress got_b = e.finish(b);
  EXPECT_EQ(got_b.encoded, 2U);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(values(got_b.ready[i]), values(want_b.ready[i]));
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(e.encoder->advance(a, Encoder::kWork)->ready.empty());
  e.encoder->abandon();
  EXPECT_EQ(values(e.finish(a).ready[0]), values(want_a.ready[0]));
}

// 10,080 patches are taken together: 31 images of 324, not 32.
TEST(ImageEncoder, TakesAsManyTogetherAsFit) {
  Encoder e;
  std::vector<ImageSpan> many(40, spans({image(2)}).front());
  EXPECT_EQ(e.finish(many).ready.size(), 31U);
  auto huge = std::make_shared<ImageInput>(*image(2));
  huge->columns = 4000;
  const auto refused = e.encoder->advance(spans({huge}));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("48000 patches"));
}

}  // namespace
}  // namespace g4
