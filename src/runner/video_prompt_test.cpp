// A prompt with a video and an image from the engine's door to its words: the same as transformers'
// greedy ones, beside other requests, from a Hugging Face folder and with an mmproj file.
#include <gmock/gmock.h>

#include <future>

#include "engine/engine.h"
#include "model/video_golden.h"
#include "runner/loaded_model.h"

namespace g4 {
namespace {

EngineRequest video_request(const golden::VideoPrompt& golden) {
  EngineRequest request;
  request.prompt = golden.ids();
  request.sampling.temperature = 0;
  request.output_tokens_max = golden.want("greedy.ids").ids.size();
  for (const golden::Picture& picture : golden.pictures()) {
    auto input = std::make_shared<ImageInput>();
    input->patches = picture.patches;
    input->columns = static_cast<std::int32_t>(picture.columns);
    input->rows = static_cast<std::int32_t>(picture.rows);
    input->soft_tokens = static_cast<std::uint32_t>(picture.columns * picture.rows / 9);
    input->key = picture.name;
    request.images.push_back({picture.begin, picture.end, input});
  }
  return request;
}

std::future<std::vector<TokenId>> ask(Engine& engine, EngineRequest request) {
  struct Answer {
    std::vector<TokenId> words;
    std::promise<std::vector<TokenId>> promise;
  };
  auto answer = std::make_shared<Answer>();
  auto words = answer->promise.get_future();
  const auto taken = engine.submit(std::move(request), [answer](EngineEvent event) {
    if (const auto* token = std::get_if<TokenEvent>(&event))
      answer->words.push_back(token->token.id);
    if (const auto* end = std::get_if<FinishEvent>(&event)) {
      EXPECT_EQ(end->reason, FinishReason::kLength) << end->error;
      answer->promise.set_value(answer->words);
    }
  });
  if (const auto* refusal = std::get_if<Refusal>(&taken)) {
    ADD_FAILURE() << refusal->message;
    answer->promise.set_value({});
  }
  return words;
}

std::unique_ptr<Engine> engine_with(const char* mmproj) {
  LoadOptions options;
  options.backend = "reference";
  if (*mmproj) options.mmproj = golden::vision_folder() + mmproj;
  auto model = load_model(golden::vision_folder(), options);
  if (!model) throw std::runtime_error(model.error().message);
  const auto& placeholders = golden::VideoPrompt::kPlaceholders;
  return std::make_unique<Engine>(
      std::move(model->runner),
      EngineOptions{.suppressed = {placeholders.begin(), placeholders.end()}});
}

TEST(VideoPromptInEngine, WordsAreThoseOfTransformers) {
  const golden::VideoPrompt golden;
  EngineRequest plain = video_request(golden);
  EngineRequest varied = plain;
  varied.sampling.presence_penalty = varied.sampling.frequency_penalty = 2;
  for (const char* mmproj : {"", "/mmproj.gguf"}) {
    const auto engine = engine_with(mmproj);
    EngineRequest text;
    text.prompt = {2, 30, 31, 32};
    text.output_tokens_max = 20;
    auto beside = ask(*engine, text);
    auto first = ask(*engine, plain);
    auto second = ask(*engine, varied);
    auto third = ask(*engine, varied);
    EXPECT_EQ(first.get(), golden.want("greedy.ids").ids);
    EXPECT_EQ(second.get(), golden.want("varied.ids").ids);
    EXPECT_EQ(third.get(), golden.want("varied.ids").ids);
    EXPECT_EQ(beside.get().size(), 20U);
  }
}

// Ids of a prompt say nothing of its pixels: what one video left behind is not the next one's.
TEST(VideoPromptInEngine, OtherFramesBehindTheSameIdsGiveOtherWords) {
  const golden::VideoPrompt golden;
  EngineRequest request = video_request(golden);
  request.sampling.presence_penalty = request.sampling.frequency_penalty = 2;
  EngineRequest other = request;
  std::swap(other.images[1].image, other.images[4].image);
  const auto engine = engine_with("");
  EXPECT_EQ(ask(*engine, request).get(), golden.want("varied.ids").ids);
  EXPECT_NE(ask(*engine, other).get(), golden.want("varied.ids").ids);
  EXPECT_EQ(ask(*engine, request).get(), golden.want("varied.ids").ids);
}

}  // namespace
}  // namespace g4
