// Log-probabilities on the wire, in the three shapes clients read.
#pragma once

#include <boost/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "sampling/sampler.h"
#include "text/tokenizer.h"

namespace g4::api {

enum class TokenSpelling : std::uint8_t {
  kText,  // the token's text
  kId,    // "token_id:123" (vLLM's return_tokens_as_token_ids)
};

// The token as JSON text: bytes that are no whole character show as U+FFFD (`bytes` has them).
std::string token_text(TokenId id, const Tokenizer& tokenizer, TokenSpelling spelling);

// The same of a text; special tokens show.
std::string tokens_text(std::span<const TokenId> ids, const Tokenizer& tokenizer);

// JSON has no infinity: a forbidden token's logprob is written as -9999, as vLLM does.
double finite_logprob(float logprob);

// Legacy completions: {tokens, token_logprobs, top_logprobs, text_offset}. A token without a
// logprob (the first of a prompt) has null.
class CompletionLogprobs {
 public:
  CompletionLogprobs(const Tokenizer& tokenizer, TokenSpelling spelling, std::uint64_t text_offset)
      : tokenizer_(tokenizer), spelling_(spelling), offset_(text_offset) {}
  void add_unscored(TokenId id);
  void add_hidden(TokenId id);  // unscored, and not in the text: takes no room there
  void add(const SampledToken& token);
  std::uint64_t text_offset() const { return offset_; }  // in characters, after the last token
  boost::json::object take();

 private:
  void add_text(TokenId id);

  const Tokenizer& tokenizer_;
  TokenSpelling spelling_;
  std::uint64_t offset_;
  boost::json::array tokens_, logprobs_, top_, offsets_;
};

// Chat: {"content": [{token, logprob, bytes, top_logprobs}], "refusal": null}.
boost::json::object chat_logprobs(std::span<const SampledToken> tokens, const Tokenizer& tokenizer,
                                  TokenSpelling spelling);

// vLLM's prompt_logprobs: [null, {"id": {logprob, rank, decoded_token}}, ...].
boost::json::array prompt_logprobs(std::span<const SampledToken> tokens,
                                   const Tokenizer& tokenizer);

}  // namespace g4::api
