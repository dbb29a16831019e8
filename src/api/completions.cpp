#include "api/completions.h"

#include <fmt/format.h>

#include <cassert>

namespace g4::api {
namespace json = boost::json;
namespace {

constexpr std::size_t kPromptsMax = 1024;
constexpr std::size_t kAnswersMax = 1024;  // prompts times choices
// Scores of prompt tokens in one answer: as JSON about 100 bytes each.
constexpr std::uint64_t kPromptScoresMax = 1'000'000;
constexpr std::uint64_t kOutputTokensDefault = 16;  // OpenAI's

struct PromptRules {
  bool add_bos = true;
  std::optional<std::int64_t> tokens_max;
};

struct Prompt {
  std::vector<TokenId> ids;
  PromptEcho echo;
};

Prompt from_text(std::string_view text, const PromptRules& rules, const Tokenizer& tokenizer) {
  Prompt prompt;
  prompt.echo.text = text;
  prompt.ids = tokenizer.encode(text, Tokenizer::Special::kParse);
  const bool given_bos = begins_with_bos(prompt.ids, tokenizer);
  if (rules.add_bos) ensure_bos(prompt.ids, tokenizer);
  const bool has_bos = rules.add_bos && begins_with_bos(prompt.ids, tokenizer);
  prompt.echo.bos_hidden = has_bos && !given_bos;
  if (truncate_prompt(prompt.ids, rules.tokens_max, has_bos ? FirstToken::kKeep : FirstToken::kCut))
    prompt.echo.text = tokens_text(
        std::span<const TokenId>(prompt.ids).subspan(prompt.echo.bos_hidden ? 1 : 0), tokenizer);
  return prompt;
}

std::optional<Prompt> from_ids(const json::array& list, const PromptRules& rules,
                               const Tokenizer& tokenizer) {
  Prompt prompt;
  for (const json::value& item : list) {
    boost::system::error_code bad;
    const auto id = item.to_number<std::int64_t>(bad);
    if (bad || id < 0 || id >= static_cast<std::int64_t>(tokenizer.size())) return std::nullopt;
    prompt.ids.push_back(static_cast<TokenId>(id));
  }
  truncate_prompt(prompt.ids, rules.tokens_max, FirstToken::kCut);
  prompt.echo.text = tokens_text(prompt.ids, tokenizer);
  return prompt;
}

// One prompt: a string, or token ids.
void add_prompt(const json::value& value, const PromptRules& rules, Fields& fields,
                const Tokenizer& tokenizer, CompletionRequest& request) {
  std::optional<Prompt> prompt = value.is_string() ? from_text(value.get_string(), rules, tokenizer)
                                                   : from_ids(value.get_array(), rules, tokenizer);
  if (!prompt)
    return fields.fail("prompt", fmt::format("\"prompt\" should hold token ids from 0 to {}",
                                             tokenizer.size() - 1));
  if (prompt->ids.empty()) fields.fail("prompt", "\"prompt\" is empty");
  request.prompts.emplace_back().prompt = std::move(prompt->ids);
  request.echoes.push_back(std::move(prompt->echo));
}

void read_prompts(Fields& fields, const Tokenizer& tokenizer, CompletionRequest& request) {
  const PromptRules rules{fields.boolean("add_special_tokens", true),
                          fields.integer("truncate_prompt_tokens", 1, INT64_MAX)};
  const json::value* value = fields.find("prompt");
  if (!value) return fields.fail("prompt", "\"prompt\" is required");
  const auto wrong = [&] {
    fields.fail("prompt",
                "\"prompt\" should be a string, a list of strings, a list of token ids, or a list "
                "of such lists");
  };
  if (value->is_string()) return add_prompt(*value, rules, fields, tokenizer, request);
  if (!value->is_array() || value->get_array().empty()) return wrong();
  const json::array& list = value->get_array();
  if (list.front().is_number()) return add_prompt(*value, rules, fields, tokenizer, request);
  if (list.size() > kPromptsMax)
    return fields.fail("prompt", fmt::format("\"prompt\" holds {} prompts, expected at most {}",
                                             list.size(), kPromptsMax));
  for (const json::value& item : list) {
    if (!item.is_string() && !item.is_array()) return wrong();
    add_prompt(item, rules, fields, tokenizer, request);
  }
}

// Everything but the prompts themselves, the same for each.
void apply_to_prompts(const GenerateRequest& shared, CompletionRequest& request) {
  for (GenerateRequest& prompt : request.prompts) {
    std::vector<TokenId> ids = std::move(prompt.prompt);
    prompt = shared;
    prompt.prompt = std::move(ids);
  }
}

// The scores of a prompt are written into each of its answers, with echo in two forms.
void check_prompt_scores(const GenerateRequest& shared, const CompletionRequest& request,
                         Fields& fields) {
  if (!shared.prompt_logprobs) return;
  std::uint64_t tokens = 0;
  for (const GenerateRequest& prompt : request.prompts) tokens += prompt.prompt.size();
  const std::uint64_t forms = request.echo && shared.sampling.logprobs ? 2 : 1;
  const std::uint64_t scores = tokens * (*shared.prompt_logprobs + 1) * request.n * forms;
  if (scores > kPromptScoresMax)
    fields.fail(
        "prompt_logprobs",
        fmt::format("{} prompt tokens with {} logprobs each and \"n\" {} make {} numbers, "
                    "expected at most {}",
                    tokens, *shared.prompt_logprobs + 1, request.n, scores, kPromptScoresMax));
}

}  // namespace

Parsed<CompletionRequest> parse_completion(std::string_view body, const ServedModel& model,
                                           const Tokenizer& tokenizer) {
  auto parsed = parse_object(body);
  if (auto* error = std::get_if<ApiError>(&parsed)) return *error;
  const json::object& object = std::get<json::object>(parsed);
  if (auto error = check_model(object, model)) return *error;

  Fields fields(object);
  CompletionRequest request;
  GenerateRequest shared;
  read_generation(fields, model, tokenizer, shared);
  shared.repetition = read_repetition(fields, false);  // raw text may be anything
  auto grammars = write_grammars(read_answer_format(fields), {}, tokenizer);
  shared.output_tokens_max = read_output_tokens_max(fields, "max_tokens", 0, kOutputTokensDefault);
  if (const auto top = fields.integer("logprobs", 0, 100))
    shared.sampling.logprobs = static_cast<std::uint32_t>(*top);
  request.echo = fields.boolean("echo", false);
  if (request.echo && shared.sampling.logprobs && !shared.prompt_logprobs)
    shared.prompt_logprobs = shared.sampling.logprobs;
  if (shared.output_tokens_max == 0U && !request.echo && !shared.prompt_logprobs)
    fields.fail("max_tokens", "\"max_tokens\" is 0, which only makes sense with \"echo\"");

  read_prompts(fields, tokenizer, request);
  apply_to_prompts(shared, request);

  static_cast<DeliveryFields&>(request) = read_delivery(fields);
  if (request.choices() > kAnswersMax)
    fields.fail("n",
                fmt::format("{} prompts with \"n\" {} ask for {} answers, expected at most {}",
                            request.prompts.size(), request.n, request.choices(), kAnswersMax));
  check_prompt_scores(shared, request, fields);
  if (fields.integer("best_of", 1, INT64_MAX).value_or(request.n) != request.n)
    fields.fail("best_of", "\"best_of\" other than \"n\" is not supported");
  fields.refuse({"suffix"}, "this model does not fill in the middle");
  fields.refuse({"tools", "functions"}, "tools are for conversations: use /v1/chat/completions");
  if (fields.error()) return *fields.error();
  fields.leave({"model"});
  request.unread = fields.unread();
  if (auto* error = std::get_if<ApiError>(&grammars)) return *std::move(error);
  request.answer_grammars = std::get<AnswerGrammars>(std::move(grammars));
  return request;
}

CompletionWriter::CompletionWriter(const CompletionRequest& request, const ServedModel& model,
                                   const Tokenizer& tokenizer, std::string id, std::int64_t created)
    : request_(request),
      model_(model),
      tokenizer_(tokenizer),
      id_(std::move(id)),
      created_(created),
      states_(request.choices()),
      prompts_(request.prompts.size()) {}

const GenerateRequest& CompletionWriter::prompt_of(std::size_t choice) const {
  return request_.prompts[choice / request_.n];
}

bool CompletionWriter::wants_logprobs() const {
  return request_.prompts.front().sampling.logprobs.has_value();
}

json::object CompletionWriter::head() const {
  json::object object;
  object["id"] = id_;
  object["object"] = "text_completion";
  object["created"] = created_;
  object["model"] = model_.id;
  return object;
}

json::object CompletionWriter::choice_object(std::size_t choice, std::string text) const {
  json::object object;
  object["index"] = choice;
  object["text"] = std::move(text);
  object["logprobs"] = nullptr;
  object["finish_reason"] = nullptr;
  object["stop_reason"] = nullptr;
  return object;
}

void CompletionWriter::echo_prompt(std::size_t choice, std::string& text,
                                   CompletionLogprobs& logprobs) const {
  const PromptEcho& echo = request_.echoes[choice / request_.n];
  text += echo.text;
  const std::vector<TokenId>& prompt = prompt_of(choice).prompt;
  if (echo.bos_hidden)
    logprobs.add_hidden(prompt.front());
  else
    logprobs.add_unscored(prompt.front());
  for (const SampledToken& token : prompts_[choice / request_.n].logprobs) logprobs.add(token);
}

std::string CompletionWriter::whole(std::span<const Choice> choices) {
  assert(choices.size() == states_.size());
  json::array list;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    const Choice& choice = choices[i];
    PromptState& prompt = prompts_[i / request_.n];
    if (i % request_.n == 0) prompt.logprobs = choice.prompt_logprobs;
    states_[i].output_tokens = choice.finished->output_tokens;
    std::string text;
    CompletionLogprobs logprobs(tokenizer_, request_.spelling, 0);
    if (request_.echo) echo_prompt(i, text, logprobs);
    text += choice.text();
    for (const SampledToken& token : choice.tokens) logprobs.add(token);

    json::object object = choice_object(i, std::move(text));
    if (wants_logprobs()) object["logprobs"] = logprobs.take();
    object["finish_reason"] = finish_reason(*choice.finished);
    object["stop_reason"] = stop_reason(*choice.finished);
    if (prompt_of(i).prompt_logprobs)
      object["prompt_logprobs"] = prompt_logprobs(prompt.logprobs, tokenizer_);
    if (request_.return_token_ids) {
      json::array ids;
      for (const SampledToken& token : choice.tokens) ids.emplace_back(token.id);
      object["token_ids"] = std::move(ids);
      object["prompt_token_ids"] =
          json::array(prompt_of(i).prompt.begin(), prompt_of(i).prompt.end());
    }
    list.emplace_back(std::move(object));
  }
  json::object body = head();
  body["choices"] = std::move(list);
  body["usage"] = usage_of_all();
  return to_json(body);
}

json::object CompletionWriter::usage_of_all() const {
  std::uint64_t prompt = 0, output = 0;
  for (const GenerateRequest& request : request_.prompts) prompt += request.prompt.size();
  for (const State& state : states_) output += state.output_tokens;
  return usage(prompt, output);
}

std::string CompletionWriter::chunk(json::object choice) const {
  json::object body = head();
  body["choices"] = json::array{std::move(choice)};
  if (request_.continuous_usage)
    body["usage"] = usage_of_all();
  else if (request_.include_usage)
    body["usage"] = nullptr;
  return to_json(body);
}

// Echoed prompt, prompt logprobs and prompt ids go out before the first token.
std::vector<std::string> CompletionWriter::first_chunk(std::size_t choice) {
  State& state = states_[choice];
  if (std::exchange(state.begun, true)) return {};
  const bool scores = prompt_of(choice).prompt_logprobs.has_value();
  if (!request_.echo && !scores && !request_.return_token_ids) return {};
  std::string text;
  CompletionLogprobs logprobs(tokenizer_, request_.spelling, 0);
  if (request_.echo) echo_prompt(choice, text, logprobs);
  state.text_offset = logprobs.text_offset();
  json::object object = choice_object(choice, std::move(text));
  if (request_.echo && wants_logprobs()) object["logprobs"] = logprobs.take();
  if (scores)
    object["prompt_logprobs"] = prompt_logprobs(prompts_[choice / request_.n].logprobs, tokenizer_);
  if (request_.return_token_ids) {
    object["prompt_token_ids"] =
        json::array(prompt_of(choice).prompt.begin(), prompt_of(choice).prompt.end());
    object["token_ids"] = json::array();
  }
  return {chunk(std::move(object))};
}

std::vector<std::string> CompletionWriter::on_scored(std::size_t choice,
                                                     const PromptScored& scored) {
  PromptState& prompt = prompts_[choice / request_.n];
  prompt.scored = true;
  prompt.logprobs = scored.logprobs;
  std::vector<std::string> list = first_chunk(choice);
  for (const auto& [other, event] : std::exchange(prompt.held, {}))
    for (std::string& text : chunks(other, event)) list.push_back(std::move(text));
  return list;
}

std::vector<std::string> CompletionWriter::chunks(std::size_t choice, const ServiceEvent& event) {
  State& state = states_[choice];
  if (const auto* scored = std::get_if<PromptScored>(&event)) return on_scored(choice, *scored);
  PromptState& prompt = prompts_[choice / request_.n];
  if (prompt_of(choice).prompt_logprobs && !prompt.scored) {
    prompt.held.emplace_back(choice, event);
    return {};
  }
  std::vector<std::string> list = first_chunk(choice);
  if (const auto* delta = std::get_if<TextDelta>(&event)) {
    state.output_tokens += delta->tokens.size();
    const bool silent = delta->text.empty() && !wants_logprobs() && !request_.return_token_ids;
    if (silent) return list;
    json::object object = choice_object(choice, delta->text);
    CompletionLogprobs logprobs(tokenizer_, request_.spelling, state.text_offset);
    for (const SampledToken& token : delta->tokens) logprobs.add(token);
    state.text_offset = logprobs.text_offset();
    if (wants_logprobs()) object["logprobs"] = logprobs.take();
    if (request_.return_token_ids) {
      json::array ids;
      for (const SampledToken& token : delta->tokens) ids.emplace_back(token.id);
      object["token_ids"] = std::move(ids);
    }
    list.push_back(chunk(std::move(object)));
    return list;
  }
  const auto& finished = std::get<Finished>(event);
  state.output_tokens = finished.output_tokens;
  json::object object = choice_object(choice, "");
  object["finish_reason"] = finish_reason(finished);
  object["stop_reason"] = stop_reason(finished);
  list.push_back(chunk(std::move(object)));
  return list;
}

std::vector<std::string> CompletionWriter::last_chunks() {
  if (!request_.include_usage) return {};
  json::object body = head();
  body["choices"] = json::array();
  body["usage"] = usage_of_all();
  return {to_json(body)};
}

}  // namespace g4::api
