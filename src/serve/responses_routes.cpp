#include "serve/responses_routes.h"

#include <ctime>
#include <memory>
#include <utility>

#include "serve/answer.h"
#include "serve/ignored.h"

namespace g4 {
namespace {

// Keeps the answer before its client can ask for it.
class ResponsesAnswer final : public AnswerWriter {
 public:
  ResponsesAnswer(api::ResponsesRequest request, const api::ServedModel& model,
                  const Tokenizer& tokenizer, ResponseStore& store)
      : request_(std::move(request)),
        store_(store),
        // The client may name its request; what others can ask for needs a name of ours.
        writer_(request_, model, tokenizer, make_random_key(), std::time(nullptr)) {}

  std::size_t choices() const override { return request_.choices(); }
  GenerateRequest choice(std::size_t i) const override { return request_.choice(i); }
  std::string whole(std::span<const api::Choice> choices) override {
    std::string body = writer_.whole(choices.front(), std::time(nullptr));
    keep();
    return body;
  }
  std::vector<api::StreamChunk> first_chunks() override { return writer_.first_chunks(); }
  std::vector<api::StreamChunk> chunks(std::size_t, const ServiceEvent& event) override {
    auto chunks = writer_.chunks(event, std::time(nullptr));
    keep();
    return chunks;
  }
  std::vector<api::StreamChunk> last_chunks() override { return {}; }
  std::vector<api::StreamChunk> failure(const api::ApiError& error) override {
    return writer_.failure(error);
  }
  std::string error_body(const api::ApiError& error) override { return api::error_body(error); }
  bool says_done() const override { return false; }

 private:
  void keep() {
    if (auto finished = writer_.take_to_store()) store_.put(*std::move(finished));
  }

  const api::ResponsesRequest request_;
  ResponseStore& store_;
  api::ResponsesWriter writer_;
};

}  // namespace

void ResponsesRoutes::add_to(Router& router) {
  router.add("POST", "/v1/responses", [this](ExchangePtr x) { create(std::move(x)); });
  router.add("POST", "/v1/responses/input_tokens", [this](ExchangePtr x) { count(std::move(x)); });
  router.add("GET", "/v1/responses/{id}", [this](ExchangePtr x) { get(*x); });
  router.add("DELETE", "/v1/responses/{id}", [this](ExchangePtr x) { erase(*x); });
  router.add("POST", "/v1/responses/{id}/cancel", [this](ExchangePtr x) { cancel(*x); });
  router.add("GET", "/v1/responses/{id}/input_items", [this](ExchangePtr x) { list_input(*x); });
}

template <class Then>
void ResponsesRoutes::read(ExchangePtr exchange, Then then) {
  auto parsed = api::parse_responses(exchange->request().body, model_, service_.tokenizer(),
                                     [this](std::string_view id) { return store_.find(id); });
  if (auto* error = std::get_if<api::ApiError>(&parsed)) return respond_error(*exchange, *error);
  auto& request = std::get<api::ResponsesRequest>(parsed);
  log_unread(exchange->request(), request.unread);
  log_ignored(exchange->request(), "tools are no functions", request.skipped_tools,
              request.skipped_tools.size());
  prepare(preparers_, std::move(request),
          [exchange, then](api::Parsed<api::ResponsesRequest> prepared) {
            if (auto* error = std::get_if<api::ApiError>(&prepared))
              return respond_error(*exchange, *error);
            then(std::move(std::get<api::ResponsesRequest>(prepared)));
          });
}

void ResponsesRoutes::create(ExchangePtr exchange) {
  read(exchange, [this, exchange](api::ResponsesRequest request) {
    const Delivery delivery = request.stream ? Delivery::kStream : Delivery::kWhole;
    answer(
        service_, metrics_, exchange,
        std::make_unique<ResponsesAnswer>(std::move(request), model_, service_.tokenizer(), store_),
        delivery);
  });
}

void ResponsesRoutes::count(ExchangePtr exchange) {
  read(exchange, [exchange](const api::ResponsesRequest& request) {
    exchange->respond(json_response(200, api::input_tokens(request)));
  });
}

void ResponsesRoutes::get(Exchange& exchange) const {
  const std::string_view id = exchange.request().param("id");
  if (exchange.request().query_value("stream") == "true")
    return respond_error(exchange, api::invalid("stream", "stored responses are not streamed"));
  const auto found = store_.find(id);
  if (!found) return respond_error(exchange, api::no_such_response(id));
  exchange.respond(json_response(200, found->body));
}

void ResponsesRoutes::erase(Exchange& exchange) {
  const std::string_view id = exchange.request().param("id");
  if (!store_.erase(id)) return respond_error(exchange, api::no_such_response(id));
  exchange.respond(json_response(200, api::deleted_response(id)));
}

void ResponsesRoutes::cancel(Exchange& exchange) const {
  const std::string_view id = exchange.request().param("id");
  respond_error(exchange, store_.find(id) ? api::cannot_cancel(id) : api::no_such_response(id));
}

void ResponsesRoutes::list_input(Exchange& exchange) const {
  const HttpRequest& request = exchange.request();
  const auto found = store_.find(request.param("id"));
  if (!found) return respond_error(exchange, api::no_such_response(request.param("id")));
  const auto page = api::read_item_page(
      {request.query_value("limit"), request.query_value("order"), request.query_value("after")});
  if (const auto* error = std::get_if<api::ApiError>(&page)) return respond_error(exchange, *error);
  respond_parsed(exchange, api::input_items(*found, std::get<api::ItemPage>(page)));
}

}  // namespace g4
