// Images of a conversation take their places in its prompt, as transformers' processor does it:
// every placeholder becomes <|image>, one <|image|> for each soft token, <image|>.
//
// Pure functions, any thread.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/runner.h"
#include "media/patches.h"
#include "text/tokenizer.h"

namespace g4 {

struct ImageTokens {
  TokenId begin = 0, placeholder = 0, end = 0;
};
// nullopt: a vocabulary without them, as Gemma 3's text models have.
std::optional<ImageTokens> image_tokens(const Tokenizer& tokenizer);

std::shared_ptr<const ImageInput> make_image_input(PreparedImage image);

struct ImagePrompt {
  std::vector<TokenId> tokens;
  std::vector<ImageSpan> images;
};
// prompt: rendered, with one placeholder for each image, in order.
Result<ImagePrompt> place_images(std::span<const TokenId> prompt,
                                 std::span<const std::shared_ptr<const ImageInput>> images,
                                 const ImageTokens& tokens);

}  // namespace g4
