// Images and videos of a conversation take their places in its prompt, as transformers' processor
// does it. A placeholder of an image becomes
//
//   <|image>  one <|image|> for each soft token  <image|>
//
// and that of a video, for every frame with a space between them,
//
//   mm:ss <|image>  one <|video|> for each soft token  <image|>
//
// before the text is tokenized: a timestamp and the words before it may share a token.
// Pure functions, any thread.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "chat/render.h"
#include "engine/runner.h"
#include "service/prompt_media.h"
#include "text/tokenizer.h"

namespace g4 {

// Whether the vocabulary has the tokens of images; that of Gemma 3's text models has not.
bool has_image_tokens(const Tokenizer& tokenizer);

// "01:05"; minutes go on past 59.
std::string timestamp(double seconds);

struct MediaPrompt {
  std::vector<TokenId> tokens;
  std::vector<ImageSpan> images;  // images and frames, in order
};
// prompt: with one placeholder for each of the media, in order.
Result<MediaPrompt> place_media(const chat::Rendered& prompt, std::span<const PromptMedium> media,
                                const Tokenizer& tokenizer);

}  // namespace g4
