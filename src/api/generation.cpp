#include "api/generation.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace g4::api {
namespace json = boost::json;
namespace {

constexpr std::size_t kStopStringsMax = 64;
constexpr std::int64_t kTopLogprobsMax = 100;
constexpr std::int64_t kChoicesMax = 128;

void read_logit_bias(Fields& fields, std::int64_t vocab, SamplingParams& sampling) {
  const json::value* value = fields.find("logit_bias");
  if (!value) return;
  std::vector<std::pair<TokenId, float>> biases;
  if (!value->is_object())
    return fields.fail("logit_bias", "\"logit_bias\" should be an object of token ids and numbers");
  for (const auto& [key, bias] : value->get_object()) {
    std::int64_t id = -1;
    const std::string_view text = key;
    const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), id);
    boost::system::error_code wrong;
    const auto number = bias.to_number<double>(wrong);
    if (bad != std::errc() || end != text.data() + text.size() || id < 0 || id >= vocab || wrong ||
        !(number >= -100 && number <= 100))
      return fields.fail("logit_bias",
                         fmt::format("\"logit_bias\": entry \"{}\" should be a token id below {} "
                                     "with a number from -100 to 100",
                                     text, vocab));
    biases.emplace_back(static_cast<TokenId>(id), static_cast<float>(number));
  }
  sampling.logit_bias = std::move(biases);
}

// Each id once, however often it was named: no longer than the vocabulary.
SharedList<TokenId> token_set(const std::vector<std::int64_t>& named) {
  std::vector<TokenId> ids(named.begin(), named.end());
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  ids.shrink_to_fit();
  return ids;
}

template <class T>
void set(T& target, const std::optional<double>& value) {
  if (value) target = static_cast<T>(*value);
}

}  // namespace

SamplingParams read_sampling(Fields& fields, const ServedModel& model, const Tokenizer& tokenizer) {
  const auto vocab = static_cast<std::int64_t>(tokenizer.size());
  SamplingParams sampling = model.defaults;
  set(sampling.temperature, fields.number("temperature", 0, 2));
  set(sampling.top_p, fields.number("top_p", 0, 1));
  set(sampling.min_p, fields.number("min_p", 0, 1));
  set(sampling.repetition_penalty, fields.number("repetition_penalty", 0.01, 10));
  set(sampling.presence_penalty, fields.number("presence_penalty", -2, 2));
  set(sampling.frequency_penalty, fields.number("frequency_penalty", -2, 2));
  if (sampling.top_p == 0) sampling.top_p = 1e-6F;  // OpenAI takes 0: the best token only
  if (const auto top_k = fields.integer("top_k", -1, vocab))
    sampling.top_k = *top_k < 0 ? 0 : static_cast<std::uint32_t>(*top_k);
  if (const auto seed = fields.integer("seed", INT64_MIN, INT64_MAX))
    sampling.seed = static_cast<std::uint64_t>(*seed);
  read_logit_bias(fields, vocab, sampling);
  if (const auto allowed = fields.integers("allowed_token_ids", 0, vocab - 1))
    sampling.allowed_tokens = token_set(*allowed);
  return sampling;
}

std::vector<std::string> read_stop_strings(Fields& fields, std::string_view key) {
  std::vector<std::string> stops = fields.strings(key, kStopStringsMax);
  for (const std::string& stop : stops)
    if (stop.empty()) fields.fail(key, fmt::format("\"{}\" holds an empty string", key));
  return stops;
}

std::optional<std::uint64_t> read_output_tokens_max(Fields& fields, std::string_view key,
                                                    std::int64_t least,
                                                    std::optional<std::uint64_t> otherwise) {
  const json::value* value = fields.find(key);
  if (value && *value == -1) return std::nullopt;
  const auto most = fields.integer(key, least, INT64_MAX);
  return most ? static_cast<std::uint64_t>(*most) : otherwise;
}

void read_generation(Fields& fields, const ServedModel& model, const Tokenizer& tokenizer,
                     GenerateRequest& request) {
  const auto vocab = static_cast<std::int64_t>(tokenizer.size());
  request.sampling = read_sampling(fields, model, tokenizer);
  request.stop = read_stop_strings(fields, "stop");
  if (const auto ids = fields.integers("stop_token_ids", 0, vocab - 1))
    request.stop_tokens = token_set(*ids);
  request.include_stop_string = fields.boolean("include_stop_str_in_output", false);
  request.ignore_eos = fields.boolean("ignore_eos", false);
  request.skip_special_tokens = fields.boolean("skip_special_tokens", true);
  if (const auto least = fields.integer("min_tokens", 0, INT64_MAX))
    request.output_tokens_min = static_cast<std::uint64_t>(*least);
  if (const auto top = fields.integer("prompt_logprobs", 0, kTopLogprobsMax))
    request.prompt_logprobs = static_cast<std::uint32_t>(*top);

  fields.refuse({"bad_words", "use_beam_search", "logprob_token_ids"},
                "this server does not compute it");
}

std::optional<RepetitionLimits> read_repetition(Fields& fields, bool watched) {
  constexpr std::string_view kKey = "repetition_detection";
  const json::value* value = fields.find(kKey);
  if (!value && watched) return RepetitionLimits{};
  if (!value || *value == false) return std::nullopt;
  if (!value->is_object()) {
    fields.fail(kKey, "\"repetition_detection\" should be false or an object");
    return std::nullopt;
  }
  Fields inner(value->get_object(), "repetition_detection.");
  RepetitionLimits limits;
  const std::int64_t longest = RepetitionLimits::kBlockTokensMax;
  const auto read = [&](std::string_view key, std::int64_t low, std::int64_t high,
                        std::uint32_t& limit) {
    if (const auto number = inner.integer(key, low, high))
      limit = static_cast<std::uint32_t>(*number);
  };
  read("max_pattern_size", 0, longest, limits.block_tokens_max);
  if (limits.block_tokens_max == 0) return std::nullopt;  // vLLM's way to say no
  read("min_pattern_size", 0, longest, limits.block_tokens_min);
  limits.block_tokens_min = std::max(limits.block_tokens_min, 1U);
  read("min_count", 2, UINT32_MAX, limits.repeats_min);
  limits.tokens_min = 0;  // a client that counts blocks says all by that
  fields.take(inner);
  if (const Status status = validate(limits); !status && !inner.error())
    fields.fail(kKey, fmt::format("\"{}\": {}", kKey, status.error().message));
  return limits;
}

DeliveryFields read_delivery(Fields& fields) {
  DeliveryFields delivery;
  delivery.n = static_cast<std::uint32_t>(fields.integer("n", 1, kChoicesMax).value_or(1));
  delivery.stream = fields.boolean("stream", false);
  if (const json::value* options = fields.find("stream_options")) {
    if (options->is_object()) {
      Fields inner(options->get_object(), "stream_options.");
      delivery.include_usage = inner.boolean("include_usage", false);
      delivery.continuous_usage = inner.boolean("continuous_usage_stats", false);
      fields.take(inner);
    } else {
      fields.fail("stream_options", "\"stream_options\" should be an object");
    }
  }
  delivery.return_token_ids = fields.boolean("return_token_ids", false);
  if (fields.boolean("return_tokens_as_token_ids", false)) delivery.spelling = TokenSpelling::kId;
  return delivery;
}

std::optional<ApiError> check_model(const json::object& body, const ServedModel& model) {
  const json::value* name = body.if_contains("model");
  if (!name || name->is_null()) return std::nullopt;
  if (!name->is_string()) return invalid("model", "\"model\" should be a string");
  if (name->get_string() == model.id) return std::nullopt;
  return ApiError{404,
                  fmt::format("the model \"{}\" is not served here; this server has \"{}\"",
                              std::string_view(name->get_string()), model.id),
                  "model", "model_not_found"};
}

bool begins_with_bos(std::span<const TokenId> prompt, const Tokenizer& tokenizer) {
  return tokenizer.bos() && !prompt.empty() && prompt.front() == *tokenizer.bos();
}

void ensure_bos(std::vector<TokenId>& prompt, const Tokenizer& tokenizer) {
  if (tokenizer.bos() && !begins_with_bos(prompt, tokenizer))
    prompt.insert(prompt.begin(), *tokenizer.bos());
}

bool truncate_prompt(std::vector<TokenId>& prompt, std::optional<std::int64_t> count,
                     FirstToken first) {
  if (!count || static_cast<std::size_t>(*count) >= prompt.size()) return false;
  const std::int64_t kept = first == FirstToken::kKeep ? 1 : 0;
  prompt.erase(prompt.begin() + kept, prompt.end() - (*count - kept));
  return true;
}

GenerateRequest for_choice(const GenerateRequest& request, std::uint32_t choice) {
  GenerateRequest copy = request;
  if (copy.sampling.seed) *copy.sampling.seed += choice;
  if (choice > 0) copy.prompt_logprobs.reset();
  return copy;
}

void Choice::add(const ServiceEvent& event) {
  if (const auto* scored = std::get_if<PromptScored>(&event)) {
    prompt_logprobs = scored->logprobs;
  } else if (const auto* delta = std::get_if<TextDelta>(&event)) {
    if (!delta->text.empty()) last(AnswerBlock::Kind::kText).text += delta->text;
    tokens.insert(tokens.end(), delta->tokens.begin(), delta->tokens.end());
  } else if (const auto* part = std::get_if<ChatDelta>(&event)) {
    if (part->token) add(*part->token, part->part);
    for (const chat::OutputEvent& output : part->events) add(output);
  } else {
    finished = std::get<Finished>(event);
  }
}

void Choice::add(const SampledToken& token, chat::OutputParser::Part part) {
  tokens.push_back(token);
  parts.push_back(part);
  if (part != chat::OutputParser::Part::kText) return;
  const bool within = !blocks.empty() && blocks.back().kind == AnswerBlock::Kind::kText;
  (within ? blocks.back().tokens : early_).push_back(token);
}

void Choice::add(const chat::OutputEvent& event) {
  using Kind = AnswerBlock::Kind;
  if (const auto* more = std::get_if<chat::TextDelta>(&event)) {
    last(Kind::kText).text += more->text;
  } else if (std::holds_alternative<chat::ThoughtBegin>(event)) {
    blocks.push_back({Kind::kThought, {}, {}});
  } else if (const auto* thinking = std::get_if<chat::ThoughtDelta>(&event)) {
    last(Kind::kThought).text += thinking->text;
  } else if (const auto* call = std::get_if<chat::ToolCallBegin>(&event)) {
    blocks.push_back({Kind::kCall, {}, call->name});
  } else if (const auto* arguments = std::get_if<chat::ToolCallArguments>(&event)) {
    blocks.back().text += arguments->json;
  } else if (const auto* end = std::get_if<chat::ToolCallEnd>(&event)) {
    blocks.back().text += end->completion;
    blocks.back().cut = !end->completion.empty();
  }
}

// The last block, a new one unless it is of that kind.
AnswerBlock& Choice::last(AnswerBlock::Kind kind) {
  if (blocks.empty() || blocks.back().kind != kind) {
    blocks.push_back({kind, {}, {}});
    if (kind == AnswerBlock::Kind::kText) blocks.back().tokens = std::exchange(early_, {});
  }
  return blocks.back();
}

std::string Choice::joined(AnswerBlock::Kind kind) const {
  std::string text;
  for (const AnswerBlock& block : blocks)
    if (block.kind == kind) text += block.text;
  return text;
}

std::string Choice::text() const { return joined(AnswerBlock::Kind::kText); }
std::string Choice::thought() const { return joined(AnswerBlock::Kind::kThought); }

std::vector<SampledToken> Choice::text_tokens() const {
  if (parts.empty()) return tokens;
  std::vector<SampledToken> found;
  for (std::size_t i = 0; i < tokens.size(); ++i)
    if (parts[i] == chat::OutputParser::Part::kText) found.push_back(tokens[i]);
  return found;
}

std::string_view finish_reason(const Finished& finished) {
  if (finished.reason == Finished::Reason::kToolCalls) return "tool_calls";
  if (finished.reason == Finished::Reason::kRepetition) return "repetition";  // vLLM's word
  return finished.reason == Finished::Reason::kLength ? "length" : "stop";
}

double as_written(float number) { return std::stod(fmt::format("{}", number)); }

json::value stop_reason(const Finished& finished) {
  if (finished.stop_string) return json::value(*finished.stop_string);
  if (finished.stop_token) return json::value(*finished.stop_token);
  return nullptr;
}

json::object usage(std::uint64_t prompt_tokens, std::uint64_t output_tokens) {
  json::object object;
  object["prompt_tokens"] = prompt_tokens;
  object["completion_tokens"] = output_tokens;
  object["total_tokens"] = prompt_tokens + output_tokens;
  return object;
}

}  // namespace g4::api
