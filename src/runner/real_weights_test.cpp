// Gemma 3 270M, real weights: log-probabilities of texts in six scripts against transformers on the
// same dequantised weights, and greedy words.
#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "runner/loaded_model.h"

namespace g4 {
namespace {

struct Text {
  std::string script, text;
  std::vector<TokenId> ids;
  std::vector<double> logprobs;  // of ids[1..]
};

std::vector<Text> golden_texts() {
  std::ifstream file(std::string(G4_SOURCE_DIR) + "/tests/golden/gemma3-270m/logprobs.json");
  std::stringstream bytes;
  bytes << file.rdbuf();
  const boost::json::value json = boost::json::parse(bytes.str());
  std::vector<Text> texts;
  for (const auto& item : json.at("texts").as_array()) {
    Text text{std::string(item.at("script").as_string()),
              std::string(item.at("text").as_string()),
              {},
              {}};
    for (const auto& id : item.at("ids").as_array()) text.ids.push_back(id.to_number<TokenId>());
    for (const auto& p : item.at("logprobs").as_array())
      text.logprobs.push_back(p.to_number<double>());
    texts.push_back(std::move(text));
  }
  return texts;
}

// Log-probabilities of ids[1..] in chunks of `chunk` tokens.
std::vector<double> score(Runner& runner, std::span<const TokenId> ids, std::size_t chunk) {
  std::vector<BlockId> global(runner.limits().kv.global_blocks),
      sliding(runner.limits().kv.sliding_ring_blocks);
  for (std::size_t i = 0; i < global.size(); ++i) global[i] = static_cast<BlockId>(i);
  for (std::size_t i = 0; i < sliding.size(); ++i) sliding[i] = static_cast<BlockId>(i);
  std::vector<double> scores;
  for (std::size_t at = 0; at < ids.size(); at += chunk) {
    const std::size_t n = std::min(chunk, ids.size() - at);
    StepSequence sequence;
    sequence.tokens = ids.subspan(at, n);
    sequence.n_past = at;
    sequence.global_blocks = global;
    sequence.sliding_blocks = sliding;
    sequence.prompt_logprobs = 0;
    sequence.next_tokens = ids.subspan(at + 1, std::min(n, ids.size() - at - 1));
    auto outputs = runner.step({&sequence, 1});
    EXPECT_TRUE(outputs);
    for (const SampledToken& token : outputs->front().prompt_logprobs)
      scores.push_back(token.logprob);
  }
  return scores;
}

LoadedModel load(const std::string& backend) {
  const char* folder = std::getenv("G4_TEST_MODELS");
  LoadOptions options;
  options.backend = backend;
  options.memory.context_tokens = 512;
  auto model = load_model(std::string(folder ? folder : "") + "/gemma3-270m.gguf", options);
  EXPECT_TRUE(model)
      << (model ? "" : model.error().message)
      << "\nG4_TEST_MODELS should name a folder with gemma3-270m.gguf; ./test.sh provides it.";
  return std::move(model).value();
}

TEST(RealWeights, ReferenceEqualsTransformersInSixScripts) {
  LoadedModel model = load("reference");
  const std::vector<Text> texts = golden_texts();
  ASSERT_GE(texts.size(), 6U);
  for (const Text& text : texts) {
    std::vector<TokenId> ids = model.tokenizer->encode(text.text);
    ids.insert(ids.begin(), *model.tokenizer->bos());
    EXPECT_EQ(ids, text.ids) << text.script;
    const std::vector<double> got = score(*model.runner, text.ids, 512);
    ASSERT_EQ(got.size(), text.logprobs.size()) << text.script;
    double worst = 0;
    for (std::size_t i = 0; i < got.size(); ++i)
      worst = std::max(worst, std::abs(got[i] - text.logprobs[i]));
    EXPECT_LT(worst, 1e-3) << text.script;
    std::printf("%-18s %3zu tokens, largest difference of a log-probability %.2e\n",
                text.script.c_str(), got.size(), worst);
  }
}

}  // namespace
}  // namespace g4
