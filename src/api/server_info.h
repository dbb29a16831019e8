// What tools ask a server about itself: /v1/models as OpenAI, vLLM, llama-server, Anthropic and
// Replicate show it, llama-server's /props, and which well-known routes this server has not.
// Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/fields.h"
#include "api/generation.h"

namespace g4::api {

// One body with the keys of all: a list of one model.
std::string model_list(const ServedModel& model, const Tokenizer& tokenizer);
Parsed<std::string> model_by_id(std::string_view id, const ServedModel& model,
                                const Tokenizer& tokenizer);

// llama-server's GET /props. No path of this machine is in it.
std::string props(const ServedModel& model, const Tokenizer& tokenizer);

// If `path` belongs to an API that clients of the dialects know and a text model cannot serve
// (embeddings, speech, ...): a sentence that says so, and what to use.
std::optional<std::string> not_offered(std::string_view path);

}  // namespace g4::api
