#include "api/tokenization.h"

#include "api/chat_completions.h"
#include "api/logprobs.h"

namespace g4::api {
namespace json = boost::json;
namespace {

std::string llama_tokens(Fields& fields, const Tokenizer& tokenizer) {
  const std::string content = fields.string("content").value_or("");
  const auto special = fields.boolean("parse_special", true) ? Tokenizer::Special::kParse
                                                             : Tokenizer::Special::kText;
  std::vector<TokenId> ids = tokenizer.encode(content, special);
  if (fields.boolean("add_special", false)) ensure_bos(ids, tokenizer);
  const bool pieces = fields.boolean("with_pieces", false);
  json::array tokens;
  for (TokenId id : ids) {
    if (pieces)
      tokens.emplace_back(
          json::object{{"id", id}, {"piece", token_text(id, tokenizer, TokenSpelling::kText)}});
    else
      tokens.emplace_back(id);
  }
  return to_json(json::object{{"tokens", std::move(tokens)}});
}

}  // namespace

Parsed<TokenizeRequest> parse_tokenize(std::string_view body, const ServedModel& model,
                                       const Tokenizer& tokenizer) {
  auto parsed = parse_object(body);
  if (auto* error = std::get_if<ApiError>(&parsed)) return *error;
  const json::object& object = std::get<json::object>(parsed);
  if (auto error = check_model(object, model)) return *error;
  Fields fields(object);
  TokenizeRequest request;
  if (fields.find("content")) {
    request.answer = llama_tokens(fields, tokenizer);
    if (fields.error()) return *fields.error();
    return request;
  }
  request.strings = fields.boolean("return_token_strs", false);
  if (fields.find("messages")) {
    auto read = read_conversation(fields, model, tokenizer);
    if (auto* error = std::get_if<ApiError>(&read)) return *error;
    request.conversation = std::move(std::get<Conversation>(read));
    if (request.conversation.media.empty())
      request.tokens = chat::to_tokens(request.conversation.rendered, tokenizer);
  } else {
    const auto prompt = fields.string("prompt");
    if (!prompt) fields.fail("prompt", "\"prompt\", \"messages\" or \"content\" is required");
    request.tokens = tokenizer.encode(prompt.value_or(""), Tokenizer::Special::kParse);
    if (fields.boolean("add_special_tokens", true)) ensure_bos(request.tokens, tokenizer);
  }
  if (fields.error()) return *fields.error();
  fields.leave({"model"});
  request.unread = fields.unread();
  return request;
}

std::string tokenize_answer(const TokenizeRequest& request, const ServedModel& model,
                            const Tokenizer& tokenizer) {
  if (!request.answer.empty()) return request.answer;
  json::object answer;
  answer["count"] = request.tokens.size();
  answer["max_model_len"] = model.context_tokens_max;
  answer["tokens"] = json::array(request.tokens.begin(), request.tokens.end());
  if (request.strings) {
    json::array texts;
    for (TokenId id : request.tokens)
      texts.emplace_back(token_text(id, tokenizer, TokenSpelling::kText));
    answer["token_strs"] = std::move(texts);
  }
  return to_json(answer);
}

Parsed<std::string> detokenize(std::string_view body, const ServedModel& model,
                               const Tokenizer& tokenizer) {
  auto parsed = parse_object(body);
  if (auto* error = std::get_if<ApiError>(&parsed)) return *error;
  const json::object& object = std::get<json::object>(parsed);
  if (auto error = check_model(object, model)) return *error;
  Fields fields(object);
  const auto ids = fields.integers("tokens", 0, static_cast<std::int64_t>(tokenizer.size()) - 1);
  if (!ids) fields.fail("tokens", "\"tokens\" is required: a list of token ids");
  if (fields.error()) return *fields.error();
  const std::vector<TokenId> tokens(ids->begin(), ids->end());
  const std::string text = tokens_text(tokens, tokenizer);
  return to_json(json::object{{"prompt", text}, {"content", text}});
}

std::string tokenizer_info(const Tokenizer& tokenizer) {
  const auto spelling = [&](std::optional<TokenId> id) {
    return id ? json::value(tokenizer.bytes(*id)) : json::value(nullptr);
  };
  json::object info;
  info["tokenizer_class"] = "GemmaTokenizerFast";
  info["bos_token"] = spelling(tokenizer.bos());
  info["eos_token"] = spelling(tokenizer.eos());
  info["pad_token"] = spelling(tokenizer.pad());
  info["unk_token"] = spelling(tokenizer.unk());
  info["chat_template"] = tokenizer.chat_template().empty()
                              ? json::value(nullptr)
                              : json::value(tokenizer.chat_template());
  return to_json(info);
}

}  // namespace g4::api
