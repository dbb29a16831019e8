#include "serve/anthropic_routes.h"

#include <memory>
#include <utility>

#include "api/anthropic.h"
#include "serve/answer.h"
#include "serve/ignored.h"

namespace g4 {
namespace {

class MessagesAnswer final : public AnswerWriter {
 public:
  MessagesAnswer(api::MessagesRequest request, const api::ServedModel& model,
                 std::string request_id)
      : request_(std::move(request)),
        request_id_(std::move(request_id)),
        // The client may name its request twice; its calls need names of their own.
        writer_(request_, model, make_random_key()) {}

  std::size_t choices() const override { return 1; }
  GenerateRequest choice(std::size_t) const override { return request_.prompt; }
  std::string whole(std::span<const api::Choice> choices) override {
    return writer_.whole(choices.front());
  }
  std::vector<api::StreamChunk> first_chunks() override { return writer_.first_chunks(); }
  std::vector<api::StreamChunk> chunks(std::size_t, const ServiceEvent& event) override {
    return writer_.chunks(event);
  }
  std::vector<api::StreamChunk> last_chunks() override { return writer_.last_chunks(); }
  std::vector<api::StreamChunk> failure(const api::ApiError& error) override {
    return {api::anthropic_failure(error, request_id_)};
  }
  std::string error_body(const api::ApiError& error) override {
    return api::anthropic_error_body(error, request_id_);
  }
  bool says_done() const override { return false; }

 private:
  const api::MessagesRequest request_;
  const std::string request_id_;
  api::MessagesWriter writer_;
};

// Prepares the request; `then` gets it, errors are answered here.
template <class Request, class Then>
void read(const Preparers& preparers, const ExchangePtr& exchange, api::Parsed<Request> parsed,
          Then then) {
  const auto fail = [exchange](const api::ApiError& error) {
    respond_error(*exchange, error, api::anthropic_error_body(error, exchange->request().id));
  };
  if (auto* error = std::get_if<api::ApiError>(&parsed)) return fail(*error);
  log_unread(exchange->request(), std::get<Request>(parsed).unread);
  prepare(preparers, std::move(std::get<Request>(parsed)),
          [fail, then](api::Parsed<Request> prepared) {
            if (auto* error = std::get_if<api::ApiError>(&prepared)) return fail(*error);
            then(std::move(std::get<Request>(prepared)));
          });
}

}  // namespace

void AnthropicRoutes::add_to(Router& router) const {
  router.add("POST", "/v1/messages", [this](const ExchangePtr& x) { create(x); });
  router.add("POST", "/v1/messages/count_tokens", [this](const ExchangePtr& x) { count(x); });
}

void AnthropicRoutes::create(const ExchangePtr& exchange) const {
  read(preparers_, exchange,
       api::parse_messages(exchange->request().body, model_, service_.tokenizer()),
       [this, exchange](api::MessagesRequest request) {
         const Delivery delivery = request.stream ? Delivery::kStream : Delivery::kWhole;
         answer(
             service_, metrics_, exchange,
             std::make_unique<MessagesAnswer>(std::move(request), model_, exchange->request().id),
             delivery);
       });
}

void AnthropicRoutes::count(const ExchangePtr& exchange) const {
  read(preparers_, exchange,
       api::parse_count_tokens(exchange->request().body, model_, service_.tokenizer()),
       [exchange](const api::ConversationRequest& request) {
         exchange->respond(json_response(200, api::count_tokens_answer(request)));
       });
}

}  // namespace g4
