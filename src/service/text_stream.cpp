#include "service/text_stream.h"

namespace g4 {

TextStream::TextStream(const Tokenizer& tokenizer, const GenerateRequest& request)
    : tokenizer_(tokenizer),
      skip_special_(request.skip_special_tokens),
      unwatched_(request.output_tokens_min),
      stop_(request.stop, request.include_stop_string ? StopStrings::Match::kInclude
                                                      : StopStrings::Match::kDrop) {}

std::string TextStream::push(TokenId token) {
  const bool hidden = skip_special_ && tokenizer_.is_special(token);
  std::string text = characters_.push(hidden ? std::string_view() : tokenizer_.bytes(token));
  if (unwatched_ == 0) return stop_.push(text);
  --unwatched_;
  return text;
}

std::string TextStream::finish() {
  std::string text = characters_.finish();
  if (unwatched_ > 0) return text;
  text = stop_.push(text);
  return stop_.found() ? text : text + stop_.finish();
}

}  // namespace g4
