#include "api/server_info.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>

namespace g4::api {
namespace json = boost::json;
namespace {

json::array input_modalities(const ServedModel& model) {
  json::array modalities = {"text"};
  if (model.sees_images) modalities.insert(modalities.end(), {"image", "video"});
  return modalities;
}

// vLLM's list of what may be done with a model; some clients read its first entry.
json::object permission(const ServedModel& model) {
  return {{"id", "modelperm-" + model.id},
          {"object", "model_permission"},
          {"created", model.created},
          {"allow_create_engine", false},
          {"allow_sampling", true},
          {"allow_logprobs", true},
          {"allow_search_indices", false},
          {"allow_view", true},
          {"allow_fine_tuning", false},
          {"organization", "*"},
          {"group", nullptr},
          {"is_blocking", false}};
}

json::object model_object(const ServedModel& model, const Tokenizer& tokenizer) {
  json::object object;
  object["id"] = model.id;
  object["object"] = "model";
  object["created"] = model.created;
  object["owned_by"] = "gemma4";
  // vLLM's.
  object["root"] = model.id;
  object["parent"] = nullptr;
  object["max_model_len"] = model.context_tokens_max;
  object["permission"] = json::array{permission(model)};
  // llama-server's.
  object["architecture"] = {{"input_modalities", input_modalities(model)},
                            {"output_modalities", json::array{"text"}}};
  object["meta"] = {{"n_vocab", tokenizer.size()},
                    {"n_ctx", model.context_tokens_max},
                    {"n_ctx_train", model.context_tokens_trained},
                    {"n_embd", model.hidden}};
  // Anthropic's.
  object["type"] = "model";
  object["display_name"] = model.id;
  object["max_input_tokens"] = model.context_tokens_max;
  object["max_tokens"] = model.context_tokens_max;
  object["created_at"] = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(model.created));
  return object;
}

// By llama-server's names: what a conversation in our template may hold.
json::object template_abilities(chat::TemplateKind kind) {
  const bool chats = kind != chat::TemplateKind::kNone;
  const bool tools = chat::supports_tools(kind);
  return {{"supports_string_content", chats},
          {"supports_typed_content", chats},
          {"supports_system_role", chats},
          {"supports_tools", tools},
          {"supports_tool_calls", tools},
          {"supports_parallel_tool_calls", tools},
          {"supports_object_arguments", tools},
          {"supports_preserve_reasoning", chat::supports_thinking(kind)},
          {"supports_reasoning_effort", chat::supports_thinking(kind)}};
}

json::object default_params(const SamplingParams& defaults) {
  constexpr std::uint32_t kRandom = 0xFFFFFFFF;  // llama-server's word for it
  return {{"n_predict", -1},
          {"max_tokens", -1},
          {"seed", defaults.seed ? json::value(*defaults.seed) : json::value(kRandom)},
          {"temperature", as_written(defaults.temperature)},
          {"top_k", defaults.top_k},
          {"top_p", as_written(defaults.top_p)},
          {"min_p", as_written(defaults.min_p)},
          {"repeat_penalty", as_written(defaults.repetition_penalty)},
          {"presence_penalty", as_written(defaults.presence_penalty)},
          {"frequency_penalty", as_written(defaults.frequency_penalty)},
          {"stop", json::array()},
          {"ignore_eos", false}};
}

struct NotOffered {
  std::string_view prefix;  // with all paths below it
  std::string_view reason;
};
constexpr std::string_view kEmbeddings =
    "this model makes text only: it gives no embeddings. Use a model made for them, such as "
    "EmbeddingGemma, on a server of its own";
constexpr std::string_view kScores =
    "this model makes text only: it gives no scores or classes of texts. Use a reranking model on "
    "a server of its own, or ask this one in words: POST /v1/chat/completions";
constexpr std::string_view kAudio =
    "this model makes text only, and hears nothing. Use a model for speech on a server of its own";
constexpr std::string_view kImages =
    "this model makes text only. To have images or videos described send them to POST "
    "/v1/chat/completions";
constexpr std::string_view kModeration =
    "this model makes text only and is no moderation model. Ask it in words: POST "
    "/v1/chat/completions";
constexpr std::string_view kFiles =
    "this server makes text of requests and keeps no files, batches or trainings. Send each "
    "request to POST /v1/chat/completions, with its media inside";
constexpr std::string_view kAssistants =
    "this server has no assistants and threads. Use POST /v1/responses with "
    "\"previous_response_id\"";
constexpr std::string_view kOllama =
    "this server does not speak Ollama's API. Use OpenAI's: POST /v1/chat/completions";
constexpr std::string_view kLlama = "use POST /v1/completions, or POST /v1/chat/completions";
constexpr std::string_view kBaseUrl =
    "clients of OpenAI want this server's address with /v1 as their base URL, those of Anthropic "
    "without it";
constexpr NotOffered kNotOffered[] = {
    {"/v1/embeddings", kEmbeddings},
    {"/embeddings", kEmbeddings},
    {"/embedding", kEmbeddings},
    {"/pooling", kEmbeddings},
    {"/v1/rerank", kScores},
    {"/v2/rerank", kScores},
    {"/rerank", kScores},
    {"/v1/reranking", kScores},
    {"/reranking", kScores},
    {"/v1/score", kScores},
    {"/score", kScores},
    {"/classify", kScores},
    {"/v1/audio", kAudio},
    {"/v1/realtime", kAudio},
    {"/v1/images", kImages},
    {"/v1/videos", kImages},
    {"/v1/moderations", kModeration},
    {"/v1/files", kFiles},
    {"/v1/uploads", kFiles},
    {"/v1/batches", kFiles},
    {"/v1/fine_tuning", kFiles},
    {"/v1/vector_stores", kFiles},
    {"/v1/assistants", kAssistants},
    {"/v1/threads", kAssistants},
    {"/api", kOllama},
    {"/completion", kLlama},
    {"/infill", kLlama},
    {"/generate", kLlama},
    {"/v1/v1", kBaseUrl},
    {"/chat/completions", kBaseUrl},
    {"/completions", kBaseUrl},
    {"/responses", kBaseUrl},
    {"/messages", kBaseUrl},
    {"/models", kBaseUrl},
};

bool lies_below(std::string_view path, std::string_view prefix) {
  return path == prefix || (path.starts_with(prefix) && path[prefix.size()] == '/');
}

}  // namespace

std::string model_list(const ServedModel& model, const Tokenizer& tokenizer) {
  json::object body;
  body["object"] = "list";
  body["data"] = json::array{model_object(model, tokenizer)};
  // Replicate's page, and Anthropic's.
  body["results"] = body["data"];
  body["next"] = nullptr;
  body["previous"] = nullptr;
  body["has_more"] = false;
  body["first_id"] = model.id;
  body["last_id"] = model.id;
  return to_json(body);
}

Parsed<std::string> model_by_id(std::string_view id, const ServedModel& model,
                                const Tokenizer& tokenizer) {
  if (id == model.id) return to_json(model_object(model, tokenizer));
  return ApiError{
      404, fmt::format("the model \"{}\" is not served here; this server has \"{}\"", id, model.id),
      "model", "model_not_found"};
}

std::string props(const ServedModel& model, const Tokenizer& tokenizer) {
  const auto spelling = [&](std::optional<TokenId> id) {
    return id ? tokenizer.bytes(*id) : std::string_view();
  };
  json::object body;
  body["default_generation_settings"] = {{"n_ctx", model.context_tokens_max},
                                         {"params", default_params(model.defaults)}};
  body["total_slots"] = model.parallel;
  body["model_alias"] = model.id;
  body["model_path"] = model.id;  // that on disk is nobody's business
  body["modalities"] = {{"vision", model.sees_images}, {"audio", false}};
  body["chat_template"] = tokenizer.chat_template();
  body["chat_template_caps"] = template_abilities(model.chat_template);
  body["bos_token"] = spelling(tokenizer.bos());
  body["eos_token"] = spelling(tokenizer.eos());
  body["build_info"] = "gemma4.cpp " G4_VERSION;
  body["is_sleeping"] = false;
  body["endpoint_metrics"] = true;
  body["endpoint_props"] = false;  // nothing can be set by POST
  body["endpoint_slots"] = false;
  return to_json(body);
}

std::optional<std::string> not_offered(std::string_view path) {
  const auto found = std::ranges::find_if(
      kNotOffered, [&](const NotOffered& entry) { return lies_below(path, entry.prefix); });
  if (found == std::end(kNotOffered)) return std::nullopt;
  return fmt::format("{} is not offered: {}", path, found->reason);
}

}  // namespace g4::api
