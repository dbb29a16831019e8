// /tokenize, /detokenize and /tokenizer_info: vLLM's and llama-server's shapes in one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/conversation.h"
#include "api/fields.h"
#include "api/generation.h"

namespace g4::api {

// {prompt} or {messages} (vLLM): {count, max_model_len, tokens, token_strs?}; {content}
// (llama-server): {tokens} of ids, or of {id, piece} with with_pieces.
struct TokenizeRequest {
  Conversation conversation;    // with media: its caller looks at them and fills...
  std::vector<TokenId> tokens;  // ...these
  bool strings = false;
  UnreadFields unread;
  std::string answer;  // llama-server's, complete: nothing else is filled

  void take(SeenConversation seen) { tokens = std::move(seen.prompt.tokens); }
};
Parsed<TokenizeRequest> parse_tokenize(std::string_view body, const ServedModel& model,
                                       const Tokenizer& tokenizer);
std::string tokenize_answer(const TokenizeRequest& request, const ServedModel& model,
                            const Tokenizer& tokenizer);

// {tokens}: {prompt, content}, the same text for both readers.
Parsed<std::string> detokenize(std::string_view body, const ServedModel& model,
                               const Tokenizer& tokenizer);
std::string tokenizer_info(const Tokenizer& tokenizer);

}  // namespace g4::api
