#include "api/api_error.h"

#include <boost/json.hpp>

namespace g4::api {
namespace {

std::string_view type_of(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 429:
      return "rate_limit_error";
    case 503:
      return "service_unavailable";
    default:
      return status >= 500 ? "server_error" : "invalid_request_error";
  }
}

std::string_view title_of(int status) {
  switch (status) {
    case 401:
      return "Unauthenticated";
    case 404:
      return "Not found";
    case 429:
      return "Too many requests";
    case 503:
      return "Service unavailable";
    default:
      return status >= 500 ? "Internal error" : "Invalid request";
  }
}

}  // namespace

ApiError invalid(std::string param, std::string message) {
  return {400, std::move(message), std::move(param), ""};
}

ApiError refused(const Refusal& refusal) {
  switch (refusal.kind) {
    case Refusal::Kind::kInvalid:
      return {400, refusal.message, std::nullopt, ""};
    case Refusal::Kind::kTooLong:
      return {400, refusal.message, std::nullopt, "context_length_exceeded"};
    case Refusal::Kind::kQueueFull:
      return {429, refusal.message, std::nullopt, "queue_full"};
    case Refusal::Kind::kStopping:
      return {503, refusal.message, std::nullopt, "stopping"};
  }
  return {500, refusal.message, std::nullopt, ""};
}

std::string error_body(const ApiError& error) {
  boost::json::object inner;
  inner["message"] = error.message;
  inner["type"] = type_of(error.status);
  inner["param"] = error.param ? boost::json::value(*error.param) : boost::json::value(nullptr);
  inner["code"] = error.code.empty() ? boost::json::value(nullptr) : boost::json::value(error.code);
  boost::json::object body;
  body["error"] = std::move(inner);
  body["title"] = title_of(error.status);
  // Many messages begin with their place themselves.
  const std::string place = error.param ? *error.param + ": " : "";
  const bool placed = error.message.starts_with(place);
  body["detail"] =
      error.param ? "- " + (placed ? "" : place) + error.message + "\n" : error.message;
  body["status"] = error.status;
  return boost::json::serialize(body);
}

std::string error_body(int status, std::string_view message) {
  return error_body(ApiError{status, std::string(message), std::nullopt, ""});
}

}  // namespace g4::api
