// ApiError: why a request was refused, and the error body that every client family understands.
#pragma once

#include <optional>
#include <string>

#include "engine/engine.h"

namespace g4::api {

struct ApiError {
  int status = 400;
  std::string message;
  std::optional<std::string> param;  // path of the field: "messages[2].content"
  std::string code;                  // "" = null; "model_not_found", "context_length_exceeded"...
};

ApiError invalid(std::string param, std::string message);
ApiError refused(const Refusal& refusal);

// OpenAI's `error` object and Replicate's title/detail/status in one body (http-api.md 0.3).
std::string error_body(const ApiError& error);
// The same without an ApiError: what the HTTP layer refuses by itself.
std::string error_body(int status, std::string_view message);

}  // namespace g4::api
