#include "api/logprobs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace g4::api {
namespace json = boost::json;
namespace {

std::uint64_t count_characters(std::string_view text) {
  return static_cast<std::uint64_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

json::object chat_entry(TokenId id, float logprob, const Tokenizer& tokenizer,
                        TokenSpelling spelling) {
  json::object entry;
  entry["token"] = token_text(id, tokenizer, spelling);
  entry["logprob"] = finite_logprob(logprob);
  json::array bytes;
  for (char c : tokenizer.bytes(id)) bytes.emplace_back(static_cast<unsigned char>(c));
  entry["bytes"] = std::move(bytes);
  return entry;
}

}  // namespace

std::string token_text(TokenId id, const Tokenizer& tokenizer, TokenSpelling spelling) {
  if (spelling == TokenSpelling::kId) return fmt::format("token_id:{}", id);
  StreamingDetokenizer whole;
  std::string text = whole.push(tokenizer.bytes(id));
  return text + whole.finish();
}

std::string tokens_text(std::span<const TokenId> ids, const Tokenizer& tokenizer) {
  StreamingDetokenizer whole;
  std::string text = whole.push(tokenizer.decode(ids, false));
  return text + whole.finish();
}

double finite_logprob(float logprob) {
  return std::isfinite(logprob) ? static_cast<double>(logprob) : -9999.0;
}

void CompletionLogprobs::add_text(TokenId id) {
  const std::string text = token_text(id, tokenizer_, spelling_);
  offsets_.emplace_back(offset_);
  offset_ += count_characters(text);
  tokens_.emplace_back(text);
}

void CompletionLogprobs::add_unscored(TokenId id) {
  add_text(id);
  logprobs_.emplace_back(nullptr);
  top_.emplace_back(nullptr);
}

void CompletionLogprobs::add_hidden(TokenId id) {
  const std::uint64_t offset = offset_;
  add_unscored(id);
  offset_ = offset;
}

void CompletionLogprobs::add(const SampledToken& token) {
  add_text(token.id);
  logprobs_.emplace_back(finite_logprob(token.logprob));
  json::object top;
  for (const TokenLogprob& other : token.top)
    top.emplace(token_text(other.id, tokenizer_, spelling_), finite_logprob(other.logprob));
  top.emplace(token_text(token.id, tokenizer_, spelling_), finite_logprob(token.logprob));
  top_.emplace_back(std::move(top));
}

json::object CompletionLogprobs::take() {
  json::object object;
  object["tokens"] = std::exchange(tokens_, {});
  object["token_logprobs"] = std::exchange(logprobs_, {});
  object["top_logprobs"] = std::exchange(top_, {});
  object["text_offset"] = std::exchange(offsets_, {});
  return object;
}

json::object chat_logprobs(std::span<const SampledToken> tokens, const Tokenizer& tokenizer,
                           TokenSpelling spelling) {
  json::array content;
  for (const SampledToken& token : tokens) {
    json::object entry = chat_entry(token.id, token.logprob, tokenizer, spelling);
    json::array top;
    for (const TokenLogprob& other : token.top)
      top.emplace_back(chat_entry(other.id, other.logprob, tokenizer, spelling));
    entry["top_logprobs"] = std::move(top);
    content.emplace_back(std::move(entry));
  }
  json::object object;
  object["content"] = std::move(content);
  object["refusal"] = nullptr;
  return object;
}

json::array prompt_logprobs(std::span<const SampledToken> tokens, const Tokenizer& tokenizer) {
  json::array list;
  list.emplace_back(nullptr);  // nothing predicts the first token
  for (const SampledToken& token : tokens) {
    json::object entry;
    const auto put = [&](TokenId id, float logprob, std::uint64_t rank) {
      json::object one;
      one["logprob"] = finite_logprob(logprob);
      one["rank"] = rank;
      one["decoded_token"] = token_text(id, tokenizer, TokenSpelling::kText);
      entry[std::to_string(id)] = std::move(one);
    };
    put(token.id, token.logprob, token.rank);
    for (std::size_t i = 0; i < token.top.size(); ++i)
      put(token.top[i].id, token.top[i].logprob, i + 1);
    list.emplace_back(std::move(entry));
  }
  return list;
}

}  // namespace g4::api
