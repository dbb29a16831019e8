// Sizes that a file may claim, and the sentences for those that no backend can run.
#include "model/config.h"

#include <gmock/gmock.h>

namespace g4 {
namespace {

using testing::HasSubstr;

ModelConfig sane() {
  ModelConfig config;
  config.hidden = 64;
  config.heads = 4;
  config.ffn = 64;
  config.vocab = 300;
  config.window = 16;
  config.context_tokens_max = 4096;
  config.layers = {{true, 2, 32, false}, {false, 1, 64, true}};
  return config;
}

template <class Change>
std::string refusal(Change change) {
  ModelConfig config = sane();
  change(config);
  const Status status = check_config(config, "FILE");
  return status ? "it was accepted" : status.error().message;
}

TEST(CheckConfig, AcceptsWhatIsSane) {
  EXPECT_EQ(refusal([](ModelConfig&) {}), "it was accepted");
}

TEST(CheckConfig, RefusesSizesThatNoBackendCanRun) {
  EXPECT_THAT(refusal([](auto& c) { c.layers[0].head_dim = 1026; }), HasSubstr("1026"));
  EXPECT_THAT(refusal([](auto& c) { c.layers[0].head_dim = 33; }), HasSubstr("even"));
  EXPECT_THAT(refusal([](auto& c) { c.heads = 64; }), HasSubstr("32"));
  EXPECT_THAT(refusal([](auto& c) { c.layers[0].kv_heads = 3; }), HasSubstr("divide"));
  EXPECT_THAT(refusal([](auto& c) { c.hidden = 0; }), HasSubstr("hidden size is 0"));
  EXPECT_THAT(refusal([](auto& c) { c.experts = 4; }), HasSubstr("active experts is 0"));
  EXPECT_THAT(refusal([](auto& c) { c.layers.clear(); }), HasSubstr("number of layers is 0"));
  EXPECT_THAT(refusal([](auto& c) { c.eps = 0; }), HasSubstr("epsilon"));
}

}  // namespace
}  // namespace g4
