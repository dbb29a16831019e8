// What the text dialects share: the served model, sampling fields, and a choice put together from
// service events.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "api/fields.h"
#include "api/logprobs.h"
#include "chat/render.h"
#include "service/service.h"
#include "text/tokenizer.h"

namespace g4::api {

struct ServedModel {
  std::string id;
  std::int64_t created = 0;  // seconds since the epoch
  std::uint64_t context_tokens_max = 0;
  SamplingParams defaults;
  chat::TemplateKind chat_template = chat::TemplateKind::kNone;
  bool sees_images = false;
  // For tools that ask.
  std::uint32_t parallel = 0;  // answers at once
  std::uint64_t context_tokens_trained = 0;
  std::int64_t hidden = 0;
};

// Temperature, top_p and their like, which have the same names in every dialect.
SamplingParams read_sampling(Fields& fields, const ServedModel& model, const Tokenizer& tokenizer);
std::vector<std::string> read_stop_strings(Fields& fields, std::string_view key);
// Fields of OpenAI and vLLM that mean the same in every dialect. `n` and max tokens are the
// caller's.
void read_generation(Fields& fields, const ServedModel& model, const Tokenizer& tokenizer,
                     GenerateRequest& request);
// `least` or more, or -1, as LM Studio's and llama.cpp's clients say that there is no limit.
std::optional<std::uint64_t> read_output_tokens_max(Fields& fields, std::string_view key,
                                                    std::int64_t least,
                                                    std::optional<std::uint64_t> otherwise);
// vLLM's "repetition_detection": when an output counts as stuck and is ended. `false`: never.
// `watched`: whether outputs are looked at that the request says nothing of.
std::optional<RepetitionLimits> read_repetition(Fields& fields, bool watched);
// How an answer is delivered: the same fields in completions and chat.
struct DeliveryFields {
  std::uint32_t n = 1;  // choices
  bool stream = false;
  bool include_usage = false;     // a last chunk with usage
  bool continuous_usage = false;  // usage in every chunk
  bool return_token_ids = false;
  TokenSpelling spelling = TokenSpelling::kText;
};
DeliveryFields read_delivery(Fields& fields);
// 404 if the request names another model than the one served; an absent name is taken as ours.
std::optional<ApiError> check_model(const boost::json::object& body, const ServedModel& model);

bool begins_with_bos(std::span<const TokenId> prompt, const Tokenizer& tokenizer);
// "<bos>" is put first, exactly once.
void ensure_bos(std::vector<TokenId>& prompt, const Tokenizer& tokenizer);
// vLLM's truncate_prompt_tokens: keeps the last `count` tokens. With kKeep the first token stays
// and is counted; the model was never trained on text without its <bos>. True if something was cut.
enum class FirstToken : std::uint8_t { kKeep, kCut };
bool truncate_prompt(std::vector<TokenId>& prompt, std::optional<std::int64_t> count,
                     FirstToken first);

// Choice i of n. The same seed would give n equal choices, so it draws with seed + i; the prompt's
// scores are equal, so the first choice asks for them and the writer gives them to all.
GenerateRequest for_choice(const GenerateRequest& request, std::uint32_t choice);

// One event of a stream, not yet on the wire.
struct StreamChunk {
  std::string json;
  std::string event = {};  // its name; empty: none
};

// A stretch of an answer.
struct AnswerBlock {
  enum class Kind : std::uint8_t { kThought, kText, kCall };
  Kind kind;
  std::string text;  // of a call: its arguments, JSON
  std::string name;  // of a call
  // A call that the model did not end; its arguments were completed to valid JSON, but are not what
  // it meant.
  bool cut = false;
  std::vector<SampledToken> tokens = {};  // of text
};

// One answer as it comes in.
struct Choice {
  std::vector<SampledToken> prompt_logprobs;
  std::vector<AnswerBlock> blocks;  // in the order in which the model made them
  std::string text() const;         // all text blocks together
  std::string thought() const;
  std::vector<SampledToken> tokens;               // all of them
  std::vector<SampledToken> text_tokens() const;  // those of text()
  std::vector<chat::OutputParser::Part> parts;    // of each token, of an answer to a chat
  std::optional<Finished> finished;
  void add(const ServiceEvent& event);
  // The parts of a ChatDelta one by one, its token first.
  void add(const SampledToken& token, chat::OutputParser::Part part);
  void add(const chat::OutputEvent& event);

 private:
  AnswerBlock& last(AnswerBlock::Kind kind);
  std::string joined(AnswerBlock::Kind kind) const;
  std::vector<SampledToken> early_;  // tokens of text that has not come yet
};

// "stop", "length", "tool_calls", "repetition"
std::string_view finish_reason(const Finished& finished);
// 0.95 and not 0.949999988.
double as_written(float number);
boost::json::value stop_reason(const Finished& finished);  // string, token id or null
boost::json::object usage(std::uint64_t prompt_tokens, std::uint64_t output_tokens);

}  // namespace g4::api
