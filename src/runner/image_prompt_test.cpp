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

TEST(ImageEncoder, RemembersWhatItHasEncoded) {
  const auto backend = make_reference_backend();
  auto checkpoint = Checkpoint::open(golden::vision_folder());
  ASSERT_TRUE(checkpoint);
  const auto config = read_vision_config(*checkpoint);
  ASSERT_TRUE(config && *config);
  auto weights = load_vision_weights(*backend, *checkpoint, **config, {});
  ASSERT_TRUE(weights);
  ImageEncoder encoder(*backend, **config, std::move(*weights));
  const auto a = image(0), b = image(3);
  const ImageInput* const twice[] = {a.get(), b.get(), a.get()};
  const auto first = encoder.encode(twice);
  EXPECT_EQ(encoder.encoded(), 2U);
  EXPECT_EQ(first[0], first[2]);
  EXPECT_EQ(first[0]->tokens, 1);
  EXPECT_EQ(first[1]->tokens, 8);
  EXPECT_EQ(encoder.encode(twice)[1], first[1]);
  EXPECT_EQ(encoder.encoded(), 2U);
  EXPECT_EQ(encoder.kept_bytes(), 9U * 64 * sizeof(float));
}

}  // namespace
}  // namespace g4
